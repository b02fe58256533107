// formula: parts[p, n] = sum over the rows r of part p of dy[r, n]
// in: dy (R, N) f32
// out: parts (P, N) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per column of (p, n), workgroups of 64, rows of 65,535 workgroups
// cost: R N flops, 4 R N bytes
// tolerance: for any N; equal to column_sums bit for bit; 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P N do nothing
//!include "lib/item1.wgsl"
//!include "bias/column_sums_body.wgsl"
