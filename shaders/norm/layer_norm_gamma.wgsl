// formula: dgamma[p, c] = sum over the rows r of part p of dy[r, c] (x[r, c] - mean[r]) rstd[r]; dbeta[p, c] = the sum of dy[r, c]
// in: dy (R, C) f32; x (R, C) f32; stats (R, 2) f32: mean and rstd
// out: dgamma, dbeta (P, C) f32, P = ceil(R / rowsPerPart); summed over p by linear/reduce_parts
// grid: one thread per (p, c), workgroups of 64, rows of 65,535 workgroups
// cost: 5 R C flops, 8 R C bytes
// tolerance: 1e-7 normalised mean squared error; rows in order
// guard: threads beyond P C do nothing
struct Args { R: u32, C: u32, P: u32, rowsPerPart: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbeta: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.P * args.C) { return; }
  let c = i % args.C;
  let begin = i / args.C * args.rowsPerPart;
  var sum = vec2<f32>(0.0);
  for (var r = begin; r < min(begin + args.rowsPerPart, args.R); r++) {
    let d = dy[r * args.C + c];
    let s = stats[r];
    sum += vec2<f32>(d * (x[r * args.C + c] - s.x) * s.y, d);
  }
  dgamma[i] = sum.x;
  dbeta[i] = sum.y;
}
