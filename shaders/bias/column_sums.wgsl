// formula: parts[p, n] = sum over the rows r of part p of dy[r, n]
// in: dy (R, N) f32
// out: parts (P, N) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per (p, n), workgroups of 64, rows of 65,535 workgroups
// cost: R N flops, 4 R N bytes
// tolerance: 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P N do nothing
struct Args { R: u32, N: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.P * args.N) { return; }
  let begin = i / args.N * args.rowsPerPart;
  var sum = 0.0;
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) { sum += dy[r * args.N + i % args.N]; }
  parts[i] = sum;
}
