// What layer_norm and layer_norm_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, C: u32, eps: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<Item>;
@group(0) @binding(2) var<storage, read_write> gamma: array<Item>;
@group(0) @binding(3) var<storage, read_write> beta: array<Item>;
@group(0) @binding(4) var<storage, read_write> y: array<Item>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec2<f32>>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let row = min(wanted, args.R - 1u);
  let C = args.C / ITEM;
  let at = row * C;
  var sum = Item();
  for (var c = local % LANES; c < C; c += LANES) { sum += x[at + c]; }
  let mean = rowSum(itemSum(sum), local) / f32(args.C);
  // a second pass: mean of squares minus square of the mean cancels
  var squares = Item();
  for (var c = local % LANES; c < C; c += LANES) { let v = x[at + c] - mean; squares += v * v; }
  let r = inverseSqrt(rowSum(itemSum(squares), local) / f32(args.C) + args.eps);
  if (wanted < args.R) {
    for (var c = local % LANES; c < C; c += LANES) { y[at + c] = (x[at + c] - mean) * r * gamma[c] + beta[c]; }
    if (local % LANES == 0u) { stats[row] = vec2<f32>(mean, r); }
  }
}
