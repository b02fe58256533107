// formula: y[m, n] = sum_p parts[p, m, n], with what MODE adds: the second half of a matmul whose K was cut into P parts
// in: parts (P, M, N) f32; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: one thread per element of y, workgroups of 64, rows of 65,535 workgroups
// cost: P M N adds, 4 (P + 1) M N bytes
// tolerance: 1e-7 normalised mean squared error; parts in order
// guard: threads beyond M N do nothing
//!include "lib/matmul_args.wgsl"
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> r: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  if (i >= args.M * args.N) { return; }
  var sum = 0.0;
  for (var p = 0u; p < args.parts; p++) { sum += sums[p * args.M * args.N + i]; }
  let n = i % args.N;
  let at = args.yOffset + i / args.N * args.ldy + n;
  if (MODE == 0u) { y[at] = sum; }
  else if (MODE == 1u) { y[at] += sum; }
  else if (MODE == 2u) { y[at] = sum + r[at]; }
  else { y[at] = sum + r[args.rOffset + n]; }
}
