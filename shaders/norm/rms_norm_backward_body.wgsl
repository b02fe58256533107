// What rms_norm_backward and rms_norm_backward_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, C: u32, accumulate: u32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> x: array<Item>;
@group(0) @binding(3) var<storage, read_write> gamma: array<Item>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Item>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let row = min(wanted, args.R - 1u);
  let C = args.C / ITEM;
  let at = row * C;
  var sum = Item();
  for (var c = local % LANES; c < C; c += LANES) { sum += (args.offset + gamma[c]) * dy[at + c] * x[at + c]; }
  let r = rstd[row];
  let k = rowSum(itemSum(sum), local) * r * r / f32(args.C);
  if (wanted < args.R) {
    for (var c = local % LANES; c < C; c += LANES) {
      var d = r * ((args.offset + gamma[c]) * dy[at + c] - x[at + c] * k);
      if (args.accumulate == 1u) { d += dx[at + c]; }
      dx[at + c] = d;
    }
  }
}
