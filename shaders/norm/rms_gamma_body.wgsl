// What rms_gamma and rms_gamma_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, C: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> x: array<Item>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<Item>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let C = args.C / ITEM;
  if (i >= args.P * C) { return; }
  let c = i % C;
  let begin = i / C * args.rowsPerPart;
  var sum = Item();
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) { sum += dy[r * C + c] * x[r * C + c] * rstd[r]; }
  parts[i] = sum;
}
