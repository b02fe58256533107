// formula: parts[h, p, d] = sum over the rows r of part p of dy[r, first + h, d] x[r, first + h, d] rstd[r, first + h]
// in: dy, x (R, width) f32 with heads of D side by side; rstd (R, normed) f32
// out: parts (heads, P, D) f32, P = ceil(R / rowsPerPart); summed over h and p by linear/reduce_parts
// grid: one thread per column of (h, p, d), workgroups of 64, rows of 65,535 workgroups
// cost: 3 R heads D flops, 8 R heads D bytes
// tolerance: for any D; equal to head_norm_gamma bit for bit; 1e-7 normalised mean squared error; rows in order
// guard: threads beyond heads P D do nothing
//!include "lib/item1.wgsl"
//!include "norm/head_norm_gamma_body.wgsl"
