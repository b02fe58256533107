// formula: rstd[r, h] = 1 / sqrt(mean_d x[r, h, d]^2 + eps); y[r, h, d] = x[r, h, d] rstd[r, h] (offset + gamma[d]) for the H query heads (gamma = qGamma)
//          and the K key heads (gamma = kGamma); the K value heads are copied
// in: x (R, (H + 2K) D) f32; qGamma, kGamma (D) f32; args.offset is 0, or 1 where they are stored as the factor minus one
// out: y (R, (H + 2K) D) f32; rstd (R, H + K) f32, saved for the backward pass
// grid: LANES threads per (r, h), 64 / LANES of them per workgroup, rows of 65,535 workgroups
// cost: 5 R (H + K) D flops, 8 R (H + 2K) D bytes
// tolerance: 1e-7 normalised mean squared error
// guard: heads beyond R (H + 2K) are computed on the last one and not written
struct Args { R: u32, H: u32, K: u32, D: u32, eps: f32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> qGamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> kGamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let heads = args.H + 2u * args.K;
  let normed = args.H + args.K;
  let wanted = rowIndex(group, groups, local);
  let i = min(wanted, args.R * heads - 1u);
  let row = i / heads;
  let head = i % heads;
  let at = i * args.D;
  var sum = 0.0;
  for (var d = local % LANES; d < args.D; d += LANES) { let v = x[at + d]; sum += v * v; }
  let r = inverseSqrt(rowSum(sum, local) / f32(args.D) + args.eps);
  if (wanted >= args.R * heads) { return; }
  if (head < args.H) {
    for (var d = local % LANES; d < args.D; d += LANES) { y[at + d] = x[at + d] * r * (args.offset + qGamma[d]); }
  } else if (head < normed) {
    for (var d = local % LANES; d < args.D; d += LANES) { y[at + d] = x[at + d] * r * (args.offset + kGamma[d]); }
  } else {
    for (var d = local % LANES; d < args.D; d += LANES) { y[at + d] = x[at + d]; }
  }
  if (head < normed && local % LANES == 0u) { rstd[row * normed + head] = r; }
}
