// formula: dE[id - lo, c] += scale sum over rows r with ids[r] = id of dy[r, c], for lo <= id < lo + rows
// in: dy (R, C) f32; order (R) u32: rows sorted by id; segments (R + 1, 2) u32: each distinct id and where its rows begin in order, then
//     (2^32 - 1, R) to the end
// out: dtable (rows, C) f32: rows lo to lo + rows of dE, added to
// grid: one thread per (distinct id, column), workgroups of 64, rows of 65,535 workgroups
// cost: 2 R C flops
// tolerance: 1e-7 normalised mean squared error; the order of summation is the order of rows
// guard: threads beyond the last distinct id and ids of other pieces do nothing
struct Args { R: u32, C: u32, lo: u32, rows: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<storage, read_write> segments: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> dtable: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.C) { return; }
  let u = i / args.C;
  let c = i % args.C;
  let segment = segments[u];
  if (segment.x < args.lo || segment.x - args.lo >= args.rows) { return; }
  var sum = 0.0;
  for (var k = segment.y; k < segments[u + 1u].y; k++) { sum += dy[order[k] * args.C + c]; }
  dtable[(segment.x - args.lo) * args.C + c] += args.scale * sum;
}
