// formula: ema[i] = d ema[i] + (1 - d) p[i]
// in: p (4 N4) f32; hyper: [9] is d (src/engine/optimOps.ts)
// out: ema (4 N4) f32, in place
// grid: one thread per 4 elements, workgroups of 64, rows of 65,535 workgroups
// cost: 3 flops and 12 bytes per element
// tolerance: 1e-12 normalised mean squared error
// guard: threads beyond N4 do nothing
struct Args { N4: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> ema: array<vec4<f32>>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N4) { return; }
  ema[i] += (1.0 - hyper[9]) * (p[i] - ema[i]);
}
