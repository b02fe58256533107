// What layer_norm_backward and layer_norm_backward_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, C: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> x: array<Item>;
@group(0) @binding(3) var<storage, read_write> gamma: array<Item>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> dx: array<Item>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let row = min(wanted, args.R - 1u);
  let C = args.C / ITEM;
  let at = row * C;
  let mean = stats[row].x;
  let r = stats[row].y;
  var plain = Item();
  var along = Item();
  for (var c = local % LANES; c < C; c += LANES) {
    let g = gamma[c] * dy[at + c];
    plain += g;
    along += g * (x[at + c] - mean) * r;
  }
  let a = rowSum(itemSum(plain), local) / f32(args.C);
  let b = rowSum(itemSum(along), local) / f32(args.C);
  if (wanted < args.R) {
    for (var c = local % LANES; c < C; c += LANES) {
      var d = r * (gamma[c] * dy[at + c] - a - (x[at + c] - mean) * r * b);
      if (args.accumulate == 1u) { d += dx[at + c]; }
      dx[at + c] = d;
    }
  }
}
