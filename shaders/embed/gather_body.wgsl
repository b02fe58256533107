struct Args { R: u32, C: u32, lo: u32, rows: u32, scale: f32 }
override ADD: u32 = 0u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(2) var<storage, read_write> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.R * args.C) { return; }
  let id = ids[i / args.C];
  if (id < args.lo || id - args.lo >= args.rows) { return; }
  let value = args.scale * entry((id - args.lo) * args.C + i % args.C);
  if (ADD == 1u) { y[i] += value; } else { y[i] = value; }
}
