// formula: parts[h, p, d] = sum over the rows r of part p of dy[r, first + h, d] x[r, first + h, d] rstd[r, first + h]
// in: dy, x (R, width) f32 with heads of D side by side; rstd (R, normed) f32
// out: parts (heads, P, D) f32, P = ceil(R / rowsPerPart); summed over h and p by linear/reduce_parts
// grid: one thread per (h, p, d), workgroups of 64, rows of 65,535 workgroups
// cost: 3 R heads D flops, 8 R heads D bytes
// tolerance: 1e-7 normalised mean squared error; rows in order
// guard: threads beyond heads P D do nothing
struct Args { R: u32, width: u32, normed: u32, D: u32, first: u32, heads: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.heads * args.P * args.D) { return; }
  let head = args.first + i / (args.P * args.D);
  let begin = i / args.D % args.P * args.rowsPerPart;
  let column = head * args.D + i % args.D;
  var sum = 0.0;
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) {
    sum += dy[r * args.width + column] * x[r * args.width + column] * rstd[r * args.normed + head];
  }
  parts[i] = sum;
}
