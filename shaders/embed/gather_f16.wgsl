// formula: as embed/gather with the table in f16: equal to it on the rounded table
// in: table (rows, C) f16, two to a word; ids (R) u32
// out: y (R, C) f32; ADD 0 stores, 1 adds; rows whose id is in another piece of the table are left alone
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: 6 R C bytes
// tolerance: exact (scale 1), else 1e-7 normalised mean squared error
// guard: threads beyond R C do nothing
//!include "embed/gather_body.wgsl"
@group(0) @binding(1) var<storage, read_write> table: array<u32>;

fn entry(at: u32) -> f32 {
  let pair = unpack2x16float(table[at / 2u]);
  return select(pair.x, pair.y, at % 2u == 1u);
}
