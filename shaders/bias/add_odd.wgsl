// formula: y[r, n] += bias[n], for any N; equals bias/add bit for bit
// in: bias (N) f32
// out: y (R, N) f32, in place
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: R N flops, 8 R N bytes
// tolerance: exact (one f32 addition)
// guard: threads beyond R N do nothing
struct Args { R: u32, N: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.N) { return; }
  y[i] += bias[i % args.N];
}
