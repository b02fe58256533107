// What head_norm_backward and head_norm_backward_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, H: u32, K: u32, D: u32, accumulate: u32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> x: array<Item>;
@group(0) @binding(3) var<storage, read_write> qGamma: array<Item>;
@group(0) @binding(4) var<storage, read_write> kGamma: array<Item>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<Item>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

fn weighted(head: u32, d: u32, i: u32) -> Item {
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
  let D = args.D / ITEM;
  let at = i * D;
  var sum = Item();
  if (head < normed) {
    for (var d = local % LANES; d < D; d += LANES) { sum += weighted(head, d, at + d) * x[at + d]; }
  }
  let total = rowSum(itemSum(sum), local);
  if (wanted >= args.R * heads) { return; }
  if (head < normed) {
    let r = rstd[i / heads * normed + head];
    let k = total * r * r / f32(args.D);
    for (var d = local % LANES; d < D; d += LANES) {
      var v = r * (weighted(head, d, at + d) - x[at + d] * k);
      if (args.accumulate == 1u) { v += dx[at + d]; }
      dx[at + d] = v;
    }
  } else {
    for (var d = local % LANES; d < D; d += LANES) {
      var v = dy[at + d];
      if (args.accumulate == 1u) { v += dx[at + d]; }
      dx[at + d] = v;
    }
  }
}
