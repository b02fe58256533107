// formula: y[r, c] = E[ids[r], c]
// in: table (V, C) f32; ids (R) u32
// out: y (R, C) f32
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: 8 R C bytes
// tolerance: exact
// guard: ids beyond the table give 0; threads beyond R C do nothing
struct Args { R: u32, C: u32, V: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.C) { return; }
  let id = ids[i / args.C];
  var value = 0.0;
  if (id < args.V) { value = table[id * args.C + i % args.C]; }
  y[i] = value;
}
