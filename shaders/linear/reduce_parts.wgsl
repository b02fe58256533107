// formula: y[i] (+)= sum_p parts[p, i]
// in: parts (P, N) f32
// out: y (N) f32, added to when args.accumulate = 1
// grid: one thread per element of y, workgroups of 64, rows of 65,535 workgroups
// cost: P N adds, 4 (P + 1) N bytes
// tolerance: 1e-7 normalised mean squared error; parts in order
// guard: threads beyond N do nothing
struct Args { P: u32, N: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N) { return; }
  var sum = 0.0;
  for (var p = 0u; p < args.P; p++) { sum += parts[p * args.N + i]; }
  if (args.accumulate == 1u) { sum += y[i]; }
  y[i] = sum;
}
