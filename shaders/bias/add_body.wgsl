// What add and add_odd share: rows in Items (lib/item4 or lib/item1), whose widths are given in numbers.
struct Args { R: u32, N: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> bias: array<Item>;
@group(0) @binding(2) var<storage, read_write> y: array<Item>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let N = args.N / ITEM;
  if (i >= args.R * N) { return; }
  y[i] += bias[i % N];
}
