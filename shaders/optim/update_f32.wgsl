// formula: g' = factor g; m = b1 m + (1 - b1) g'; v = b2 v + (1 - b2) g'^2; p = p (1 - lr wd decay) - lr (m / c1) / (sqrt(v / c2) + eps)
//          with c1 = 1 - b1^t, c2 = 1 - b2^t (torch.optim.AdamW); decay is 1 where weights decay, else 0
// in: g (4 N4) f32; norm (2) f32: [1] is the clip factor; hyper: lr, b1, b2, eps, wd, c1, c2, ... (src/engine/optimOps.ts)
// out: p, m, v (4 N4) f32 updated in place
// grid: one thread per 4 elements, workgroups of 64, rows of 65,535 workgroups
// cost: 20 flops and 28 bytes per element
// tolerance: 1e-9 normalised mean squared error after ten steps
// guard: threads beyond N4 do nothing; with a factor of 0 nobody does
struct Args { N4: u32, decay: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> g: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> hyper: array<f32>;
//!include "lib/index.wgsl"
//!include "lib/adamw.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N4 || norm[1] == 0.0) { return; }
  let grad = g[i] * norm[1];
  let mi = hyper[1] * m[i] + (1.0 - hyper[1]) * grad;
  let vi = hyper[2] * v[i] + (1.0 - hyper[2]) * grad * grad;
  m[i] = mi;
  v[i] = vi;
  p[i] = stepped(p[i], mi, vi, args.decay);
}
