// What head_norm and head_norm_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, H: u32, K: u32, D: u32, eps: f32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<Item>;
@group(0) @binding(2) var<storage, read_write> qGamma: array<Item>;
@group(0) @binding(3) var<storage, read_write> kGamma: array<Item>;
@group(0) @binding(4) var<storage, read_write> y: array<Item>;
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
  let D = args.D / ITEM;
  let at = i * D;
  var sum = Item();
  for (var d = local % LANES; d < D; d += LANES) { let v = x[at + d]; sum += v * v; }
  let r = inverseSqrt(rowSum(itemSum(sum), local) / f32(args.D) + args.eps);
  if (wanted >= args.R * heads) { return; }
  if (head < args.H) {
    for (var d = local % LANES; d < D; d += LANES) { y[at + d] = x[at + d] * r * (args.offset + qGamma[d]); }
  } else if (head < normed) {
    for (var d = local % LANES; d < D; d += LANES) { y[at + d] = x[at + d] * r * (args.offset + kGamma[d]); }
  } else {
    for (var d = local % LANES; d < D; d += LANES) { y[at + d] = x[at + d]; }
  }
  if (head < normed && local % LANES == 0u) { rstd[row * normed + head] = r; }
}
