// What head_norm_gamma and head_norm_gamma_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, width: u32, normed: u32, D: u32, first: u32, heads: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> x: array<Item>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<Item>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let D = args.D / ITEM;
  let width = args.width / ITEM;
  if (i >= args.heads * args.P * D) { return; }
  let head = args.first + i / (args.P * D);
  let begin = i / D % args.P * args.rowsPerPart;
  let column = head * D + i % D;
  var sum = Item();
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) {
    sum += dy[r * width + column] * x[r * width + column] * rstd[r * args.normed + head];
  }
  parts[i] = sum;
}
