// formula: y[r, c] (+)= x[r, c] / (1 - probability) where u[r, c] >= probability, else 0, with u from Philox at (seed, stream; step, r, c / 4):
//          four columns share a call. The backward pass is the same with dy and dx: the mask is made again, not kept
// in: x (R, C) f32; state (2) u32: seed and step
// out: y (R, C) f32, added to when args.accumulate = 1
// grid: one thread per 4 columns of a row, workgroups of 64, rows of 65,535 workgroups
// cost: 60 operations and 8 bytes per element
// tolerance: exact mask; 1e-12 normalised mean squared error
// guard: threads beyond R ceil(C / 4) do nothing; columns beyond C are not touched
struct Args { R: u32, C: u32, stream: u32, accumulate: u32, probability: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"
//!include "lib/rng.wgsl"

fn put(row: u32, column: u32, bits: u32) {
  if (column >= args.C) { return; }
  let at = row * args.C + column;
  var v = 0.0;
  if (unitFloat(bits) >= args.probability) { v = x[at] / (1.0 - args.probability); }
  if (args.accumulate == 1u) { v += y[at]; }
  y[at] = v;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let columns = (args.C + 3u) / 4u;
  if (i >= args.R * columns) { return; }
  let row = i / columns;
  let column = i % columns;
  let words = philox(vec2<u32>(state[0], args.stream), vec4<u32>(state[1], row, column, 0u));
  put(row, 4u * column, words.x);
  put(row, 4u * column + 1u, words.y);
  put(row, 4u * column + 2u, words.z);
  put(row, 4u * column + 3u, words.w);
}
