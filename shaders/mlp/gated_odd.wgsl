// formula: h[r, f] = a(g) u with g = gu[r, f], u = gu[r, F + f], for any F; equals mlp/gated bit for bit
// in: gu (R, 2F) f32: gate and up side by side
// out: h (R, F) f32
// grid: one thread per element of h, workgroups of 64, rows of 65,535 workgroups
// cost: 100 R F flops, 12 R F bytes
// tolerance: 1e-12 normalised mean squared error
// guard: threads beyond R F do nothing
struct Args { R: u32, F: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> gu: array<f32>;
@group(0) @binding(2) var<storage, read_write> h: array<f32>;
//!include "lib/index.wgsl"
//!include "lib/activation.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.F) { return; }
  let at = i + i / args.F * args.F;
  h[i] = activate4(vec4<f32>(gu[at])).x * gu[at + args.F];
}
