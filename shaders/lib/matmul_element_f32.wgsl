// B in f32, read one element at a time.
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
fn elementB(i: u32) -> f32 { return b[i]; }
