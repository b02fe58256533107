// formula: s = sigmoid(g); dg = dh u s (1 + g (1 - s)); du = dh g s
// in: dh (R, F) f32; gu (R, 2F) f32
// out: dgu (R, 2F) f32
// grid: one thread per element of dh, workgroups of 64, rows of 65,535 workgroups
// cost: 10 R F flops, 20 R F bytes
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond R F do nothing
struct Args { R: u32, F: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dh: array<f32>;
@group(0) @binding(2) var<storage, read_write> gu: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgu: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.F) { return; }
  let at = i / args.F * 2u * args.F + i % args.F;
  let g = gu[at];
  let u = gu[at + args.F];
  let s = 1.0 / (1.0 + exp(-g));
  let d = dh[i];
  dgu[at] = d * u * s * (1.0 + g * (1.0 - s));
  dgu[at + args.F] = d * g * s;
}
