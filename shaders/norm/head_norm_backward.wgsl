// formula: w = offset + gamma; dx[r, h, d] (+)= rstd (w_d dy_d - x_d rstd^2 / D sum_k w_k dy_k x_k) for query heads (gamma = qGamma) and key heads
//          (gamma = kGamma); dx (+)= dy for value heads
// in: dy, x (R, (H + 2K) D) f32; qGamma, kGamma (D) f32; rstd (R, H + K) f32
// out: dx (R, (H + 2K) D) f32, added to when args.accumulate = 1
// grid: LANES threads per (r, h), 64 / LANES of them per workgroup, rows of 65,535 workgroups
// cost: 10 R (H + K) D flops, 12 R (H + 2K) D bytes
// tolerance: 1e-7 normalised mean squared error
// guard: heads beyond R (H + 2K) are computed on the last one and not written
struct Args { R: u32, H: u32, K: u32, D: u32, accumulate: u32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> qGamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> kGamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

fn weighted(head: u32, d: u32, i: u32) -> f32 {
  if (head < args.H) { return (args.offset + qGamma[d]) * dy[i]; }
  return (args.offset + kGamma[d]) * dy[i];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let heads = args.H + 2u * args.K;
  let normed = args.H + args.K;
  let wanted = rowIndex(group, groups, local);
  let i = min(wanted, args.R * heads - 1u);
  let head = i % heads;
  let at = i * args.D;
  var sum = 0.0;
  if (head < normed) {
    for (var d = local % LANES; d < args.D; d += LANES) { sum += weighted(head, d, at + d) * x[at + d]; }
  }
  let total = rowSum(sum, local);
  if (wanted >= args.R * heads) { return; }
  if (head < normed) {
    let r = rstd[i / heads * normed + head];
    let k = total * r * r / f32(args.D);
    for (var d = local % LANES; d < args.D; d += LANES) {
      var v = r * (weighted(head, d, at + d) - x[at + d] * k);
      if (args.accumulate == 1u) { v += dx[at + d]; }
      dx[at + d] = v;
    }
  } else {
    for (var d = local % LANES; d < args.D; d += LANES) {
      var v = dy[at + d];
      if (args.accumulate == 1u) { v += dx[at + d]; }
      dx[at + d] = v;
    }
  }
}
