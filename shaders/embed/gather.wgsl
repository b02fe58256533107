// formula: y[r, c] (+)= scale E[ids[r] - lo, c] for rows with lo <= ids[r] < lo + rows
// in: table (rows, C) f32: rows lo to lo + rows of E; ids (R) u32
// out: y (R, C) f32; ADD 0 stores, 1 adds; rows whose id is in another piece of the table are left alone
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: 8 R C bytes
// tolerance: exact (scale 1), else 1e-7 normalised mean squared error
// guard: threads beyond R C do nothing
//!include "embed/gather_body.wgsl"
@group(0) @binding(1) var<storage, read_write> table: array<f32>;

fn entry(at: u32) -> f32 { return table[at]; }
