// formula: y[r, n] += bias[n]
// in: bias (N) f32
// out: y (R, N) f32, in place
// grid: one thread per 4 elements of a row, workgroups of 64, rows of 65,535 workgroups
// cost: R N flops, 8 R N bytes
// tolerance: exact (one f32 addition)
// guard: threads beyond the last element do nothing
//!include "lib/item4.wgsl"
//!include "bias/add_body.wgsl"
