// formula: x[i] = 0
// in: nothing
// out: x (4 N4) f32
// grid: one thread per 4 elements, workgroups of 64, rows of 65,535 workgroups
// cost: 4 bytes per element
// tolerance: exact
// guard: threads beyond N4 do nothing
struct Args { N4: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i < args.N4) { x[i] = vec4<f32>(0.0); }
}
