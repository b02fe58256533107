// formula: y[r, n] += bias[n]
// in: bias (N) f32
// out: y (R, N) f32, in place
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: R N flops, 8 R N bytes
// tolerance: for any N; exact (one f32 addition)
// guard: threads beyond the last element do nothing
//!include "lib/item1.wgsl"
//!include "bias/add_body.wgsl"
