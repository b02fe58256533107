// formula: parts[first + p] = sum over i = p, p + P, p + 2P, ... of g[i]^2, 4 elements to an i
// in: g (4 N4) f32
// out: parts [first, first + P) f32
// grid: one thread per part, workgroups of 64, rows of 65,535 workgroups; neighbouring threads read neighbouring addresses
// cost: 2 flops and 4 bytes per element
// tolerance: 1e-12 normalised mean squared error, given about 1,024 elements per part
// guard: threads beyond P do nothing
struct Args { N4: u32, P: u32, first: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> g: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let p = flatIndex(group, groups, local);
  if (p >= args.P) { return; }
  var sum = vec4<f32>(0.0);
  for (var i = p; i < args.N4; i += args.P) { sum += g[i] * g[i]; }
  parts[args.first + p] = (sum.x + sum.y) + (sum.z + sum.w);
}
