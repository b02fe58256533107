// formula: y[i] = a[i] + b[i]
// in: a, b (N) f32
// out: y (N) f32
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: N adds, 12 N bytes
// tolerance: exact
// guard: threads beyond N do nothing
struct Args { N: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i < args.N) { y[i] = a[i] + b[i]; }
}
