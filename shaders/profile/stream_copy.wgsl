// formula: y[i] = x[i]; what this adapter moves through its memory at best, the ceiling that kernels' bytes are held against
// in: x (N, 4) f32
// out: y (N, 4) f32
// grid: one thread per vec4, workgroups of 64, rows of 65,535 workgroups
// cost: 0 flops, 32 N bytes
// tolerance: exact
// guard: threads beyond N do nothing
struct Args { N: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N) { return; }
  y[i] = x[i];
}
