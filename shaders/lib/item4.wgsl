// Rows read 4 numbers at a time: for widths that are a multiple of 4. The twin of lib/item1.
alias Item = vec4<f32>;
const ITEM: u32 = 4u;
fn itemSum(x: Item) -> f32 { return (x.x + x.y) + (x.z + x.w); }
