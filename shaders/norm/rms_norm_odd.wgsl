// formula: rstd[r] = 1 / sqrt(mean_c x[r, c]^2 + eps); y[r, c] = x[r, c] rstd[r] (offset + gamma[c])
// in: x (R, C) f32; gamma (C) f32; args.offset is 0, or 1 where gamma is stored as the factor minus one
// out: y (R, C) f32; rstd (R) f32, saved for the backward pass
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 5 R C flops, 12 R C bytes
// tolerance: for any C; as rms_norm, which adds in another order: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
//!include "lib/item1.wgsl"
//!include "norm/rms_norm_body.wgsl"
