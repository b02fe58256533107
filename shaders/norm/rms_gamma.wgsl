// formula: parts[p, c] = sum over the rows r of part p of dy[r, c] x[r, c] rstd[r]
// in: dy (R, C) f32; x (R, C) f32; rstd (R) f32
// out: parts (P, C) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per 4 columns of (p, c), workgroups of 64
// cost: 3 R C flops, 8 R C bytes
// tolerance: 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P C do nothing
//!include "lib/item4.wgsl"
//!include "norm/rms_gamma_body.wgsl"
