// formula: parts[p, c] = sum over the rows r of part p of dy[r, c] x[r, c] rstd[r]
// in: dy (R, C) f32; x (R, C) f32; rstd (R) f32
// out: parts (P, C) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per column of (p, c), workgroups of 64
// cost: 3 R C flops, 8 R C bytes
// tolerance: for any C; equal to rms_gamma bit for bit; 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P C do nothing
//!include "lib/item1.wgsl"
//!include "norm/rms_gamma_body.wgsl"
