// formula: dE[v, c] (+)= sum over rows r with ids[r] = v of dy[r, c]
// in: dy (R, C) f32; order (R) u32: rows sorted by id; starts (V + 1) u32: where each id's rows begin in order
// out: dE (V, C) f32, added to when args.accumulate = 1
// grid: one thread per element of dE, workgroups of 64, rows of 65,535 workgroups
// cost: R C adds, 4 (R + V) C bytes
// tolerance: 1e-7 normalised mean squared error; the order of summation is the order of rows
// guard: threads beyond V C do nothing; ids that no row has give 0
struct Args { V: u32, C: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> starts: array<u32>;
@group(0) @binding(4) var<storage, read_write> dtable: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.V * args.C) { return; }
  let v = i / args.C;
  let c = i % args.C;
  var sum = 0.0;
  for (var k = starts[v]; k < starts[v + 1u]; k++) { sum += dy[order[k] * args.C + c]; }
  if (args.accumulate == 1u) { sum += dtable[i]; }
  dtable[i] = sum;
}
