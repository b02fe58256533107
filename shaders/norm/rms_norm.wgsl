// formula: rstd[r] = 1 / sqrt(mean_c x[r, c]^2 + eps); y[r, c] = x[r, c] rstd[r] (offset + gamma[c])
// in: x (R, C) f32; gamma (C) f32; args.offset is 0, or 1 where gamma is stored as the factor minus one
// out: y (R, C) f32; rstd (R) f32, saved for the backward pass
// grid: LANES threads per row, 64 / LANES rows per workgroup, rows of 65,535 workgroups
// cost: 5 R C flops, 12 R C bytes
// tolerance: 1e-7 normalised mean squared error
// guard: rows beyond R are computed on the last row and not written
struct Args { R: u32, C: u32, eps: f32, offset: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/row_index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = rowIndex(group, groups, local);
  let row = min(wanted, args.R - 1u);
  let at = row * args.C;
  var sum = 0.0;
  for (var c = local % LANES; c < args.C; c += LANES) { let v = x[at + c]; sum += v * v; }
  let r = inverseSqrt(rowSum(sum, local) / f32(args.C) + args.eps);
  if (wanted < args.R) {
    for (var c = local % LANES; c < args.C; c += LANES) { y[at + c] = x[at + c] * r * (args.offset + gamma[c]); }
    if (local % LANES == 0u) { rstd[row] = r; }
  }
}
