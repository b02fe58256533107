// formula: mean[r] = mean_c x[r, c]; rstd[r] = 1 / sqrt(mean_c (x[r, c] - mean[r])^2 + eps); y[r, c] = (x[r, c] - mean[r]) rstd[r] gamma[c] + beta[c]
// in: x (R, C) f32; gamma, beta (C) f32
// out: y (R, C) f32; stats (R, 2) f32: mean and rstd, saved for the backward pass
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 8 R C flops, 16 R C bytes
// tolerance: for any C; as layer_norm, which adds in another order: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
//!include "lib/item1.wgsl"
//!include "norm/layer_norm_body.wgsl"
