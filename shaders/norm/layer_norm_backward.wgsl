// formula: n = (x - mean) rstd; g = gamma dy; dx[r, c] (+)= rstd (g_c - mean_k g_k - n_c mean_k g_k n_k)
// in: dy (R, C) f32; x (R, C) f32; gamma (C) f32; stats (R, 2) f32: mean and rstd
// out: dx (R, C) f32, added to when args.accumulate = 1
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 12 R C flops, 20 R C bytes
// tolerance: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
//!include "lib/item4.wgsl"
//!include "norm/layer_norm_backward_body.wgsl"
