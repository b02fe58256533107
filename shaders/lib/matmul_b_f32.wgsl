// B in f32, read four elements at a time: i counts groups of 4 elements.
@group(0) @binding(2) var<storage, read_write> b: array<vec4<f32>>;
fn loadB(i: u32) -> vec4<f32> { return b[i]; }
