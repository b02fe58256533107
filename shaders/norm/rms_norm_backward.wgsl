// formula: w = offset + gamma; dx[r, c] (+)= rstd (w_c dy_c - x_c rstd^2 / C sum_k w_k dy_k x_k)
// in: dy (R, C) f32; x (R, C) f32; gamma (C) f32; rstd (R) f32
// out: dx (R, C) f32, added to when args.accumulate = 1
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 10 R C flops, 20 R C bytes
// tolerance: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
//!include "lib/item4.wgsl"
//!include "norm/rms_norm_backward_body.wgsl"
