// formula: dg = dh u a'(g); du = dh a(g), for any F; equals mlp/gated_backward bit for bit
// in: dh (R, F) f32; gu (R, 2F) f32
// out: dgu (R, 2F) f32, added to when args.accumulate = 1
// grid: one thread per element of dh, workgroups of 64, rows of 65,535 workgroups
// cost: 120 R F flops, 20 R F bytes
// tolerance: 1e-12 normalised mean squared error
// guard: threads beyond R F do nothing
struct Args { R: u32, F: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dh: array<f32>;
@group(0) @binding(2) var<storage, read_write> gu: array<f32>;
@group(0) @binding(3) var<storage, read_write> dgu: array<f32>;
//!include "lib/index.wgsl"
//!include "lib/activation.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.F) { return; }
  let at = i + i / args.F * args.F;
  let a = activateWithSlope4(vec4<f32>(gu[at]));
  let d = dh[i];
  var dg = d * gu[at + args.F] * a.slope.x;
  var du = d * a.value.x;
  if (args.accumulate == 1u) {
    dg += dgu[at];
    du += dgu[at + args.F];
  }
  dgu[at] = dg;
  dgu[at + args.F] = du;
}
