// Rows read number by number: for any width. The twin of lib/item4.
alias Item = f32;
const ITEM: u32 = 1u;
fn itemSum(x: Item) -> f32 { return x; }
