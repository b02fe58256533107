// formula: h[i] = f(u[i]); ACTIVATION 0: silu, 1: gelu, 2: gelu_tanh (lib/activation)
// in: u (4 N4) f32
// out: h (4 N4) f32
// grid: one thread per 4 elements, workgroups of 64, rows of 65,535 workgroups
// cost: 25 flops and 8 bytes per element
// tolerance: 1e-12 normalised mean squared error
// guard: threads beyond N4 do nothing; elements in the padding of the last 4 are computed and never read
struct Args { N4: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> u: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> h: array<vec4<f32>>;
//!include "lib/index.wgsl"
//!include "lib/activation.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N4) { return; }
  h[i] = activate4(u[i]);
}
