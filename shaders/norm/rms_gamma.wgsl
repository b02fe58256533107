// formula: parts[p, c] = sum over the rows r of part p of dy[r, c] x[r, c] rstd[r]
// in: dy (R, C) f32; x (R, C) f32; rstd (R) f32
// out: parts (P, C) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per (p, c), workgroups of 64
// cost: 3 R C flops, 8 R C bytes
// tolerance: 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P C do nothing
struct Args { R: u32, C: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.P * args.C) { return; }
  let c = i % args.C;
  let begin = i / args.C * args.rowsPerPart;
  var sum = 0.0;
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) { sum += dy[r * args.C + c] * x[r * args.C + c] * rstd[r]; }
  parts[i] = sum;
}
