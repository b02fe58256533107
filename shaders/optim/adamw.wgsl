// formula: g' = factor g; p -= lr wd p; m = b1 m + (1 - b1) g'; v = b2 v + (1 - b2) g'^2; p -= lr (m / c1) / (sqrt(v / c2) + eps)
//          with c1 = 1 - b1^t, c2 = 1 - b2^t (torch.optim.AdamW)
// in: g (N) f32; norm (2) f32: [1] is the clip factor; hyper (8) f32: lr, beta1, beta2, eps, weight decay, c1, c2, clip
// out: p, m, v (N) f32 updated in place
// grid: one thread per element, workgroups of 64, rows of 65,535 workgroups
// cost: 28 N bytes
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond N do nothing
struct Args { N: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<f32>;
@group(0) @binding(2) var<storage, read_write> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;
@group(0) @binding(5) var<storage, read_write> norm: array<f32>;
@group(0) @binding(6) var<storage, read_write> hyper: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.N) { return; }
  let grad = g[i] * norm[1];
  let mi = hyper[1] * m[i] + (1.0 - hyper[1]) * grad;
  let vi = hyper[2] * v[i] + (1.0 - hyper[2]) * grad * grad;
  m[i] = mi;
  v[i] = vi;
  p[i] = p[i] * (1.0 - hyper[0] * hyper[4]) - hyper[0] * (mi / hyper[5]) / (sqrt(vi / hyper[6]) + hyper[3]);
}
