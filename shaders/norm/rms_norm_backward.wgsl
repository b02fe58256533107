// formula: w = offset + gamma; dx[r, c] (+)= rstd (w_c dy_c - x_c rstd^2 / C sum_k w_k dy_k x_k)
// in: dy (R, C) f32; x (R, C) f32; gamma (C) f32; rstd (R) f32
// out: dx (R, C) f32, added to when args.accumulate = 1
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 10 R C flops, 20 R C bytes
// tolerance: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
struct Args { R: u32, C: u32, accumulate: u32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let row = min(wanted, args.R - 1u);
  let at = row * args.C;
  var sum = 0.0;
  for (var c = local % LANES; c < args.C; c += LANES) { sum += (args.offset + gamma[c]) * dy[at + c] * x[at + c]; }
  let r = rstd[row];
  let k = rowSum(sum, local) * r * r / f32(args.C);
  if (wanted < args.R) {
    for (var c = local % LANES; c < args.C; c += LANES) {
      var d = r * ((args.offset + gamma[c]) * dy[at + c] - x[at + c] * k);
      if (args.accumulate == 1u) { d += dx[at + c]; }
      dx[at + c] = d;
    }
  }
}
