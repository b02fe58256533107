// lib/reduce for wider rows and sixteen sums at once: LANES threads (a power of two up to GROUP) of a workgroup of GROUP share a row, GROUP / LANES
// rows per workgroup. With LANES = 1 no barrier is executed: the shape for CPU adapters. Every thread of the workgroup must call these together.
// All of 16 KiB of workgroup memory at GROUP = 256. Needs args.lanes, the same as LANES: an argument, so that compilers leave loops around barriers
// loops (unrolled, a kernel takes llvmpipe half a minute to compile).
override LANES: u32 = 1u;
override GROUP: u32 = 64u;
var<workgroup> partial: array<mat4x4<f32>, GROUP>;

fn rowSum16(value: mat4x4<f32>, local: u32) -> mat4x4<f32> {
  if (LANES == 1u) { return value; }
  partial[local] = value;
  workgroupBarrier();
  for (var s = args.lanes / 2u; s > 0u; s = s / 2u) {
    if (local % LANES < s) { partial[local] = partial[local] + partial[local + s]; }
    workgroupBarrier();
  }
  let total = partial[local - local % LANES];
  workgroupBarrier();
  return total;
}

fn rowSum4(value: vec4<f32>, local: u32) -> vec4<f32> {
  if (LANES == 1u) { return value; }
  partial[local][0] = value;
  workgroupBarrier();
  for (var s = args.lanes / 2u; s > 0u; s = s / 2u) {
    if (local % LANES < s) { partial[local][0] += partial[local + s][0]; }
    workgroupBarrier();
  }
  let total = partial[local - local % LANES][0];
  workgroupBarrier();
  return total;
}

fn rowMax(value: f32, local: u32) -> f32 {
  if (LANES == 1u) { return value; }
  partial[local][0].x = value;
  workgroupBarrier();
  for (var s = args.lanes / 2u; s > 0u; s = s / 2u) {
    if (local % LANES < s) { partial[local][0].x = max(partial[local][0].x, partial[local + s][0].x); }
    workgroupBarrier();
  }
  let total = partial[local - local % LANES][0].x;
  workgroupBarrier();
  return total;
}
