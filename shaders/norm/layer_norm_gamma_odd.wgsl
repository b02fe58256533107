// formula: dgamma[p, c] = sum over the rows r of part p of dy[r, c] (x[r, c] - mean[r]) rstd[r]; dbeta[p, c] = the sum of dy[r, c]
// in: dy (R, C) f32; x (R, C) f32; stats (R, 2) f32: mean and rstd
// out: dgamma, dbeta (P, C) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per column of (p, c), workgroups of 64, rows of 65,535 workgroups
// cost: 5 R C flops, 8 R C bytes
// tolerance: for any C; equal to layer_norm_gamma bit for bit; 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P C do nothing
//!include "lib/item1.wgsl"
//!include "norm/layer_norm_gamma_body.wgsl"
