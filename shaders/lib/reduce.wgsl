// Rows shared by LANES threads of a workgroup of 64 (LANES a power of two up to 64; 64 / LANES rows per workgroup). With LANES = 1 no
// barrier is executed: the shape for CPU adapters. Every thread of the workgroup must call these together.
override LANES: u32 = 1u;
var<workgroup> partial: array<f32, 64>;

fn rowSum(value: f32, local: u32) -> f32 {
  if (LANES == 1u) { return value; }
  partial[local] = value;
  workgroupBarrier();
  for (var s = LANES / 2u; s > 0u; s = s / 2u) {
    if (local % LANES < s) { partial[local] += partial[local + s]; }
    workgroupBarrier();
  }
  let total = partial[local - local % LANES];
  workgroupBarrier();
  return total;
}

fn rowMax(value: f32, local: u32) -> f32 {
  if (LANES == 1u) { return value; }
  partial[local] = value;
  workgroupBarrier();
  for (var s = LANES / 2u; s > 0u; s = s / 2u) {
    if (local % LANES < s) { partial[local] = max(partial[local], partial[local + s]); }
    workgroupBarrier();
  }
  let total = partial[local - local % LANES];
  workgroupBarrier();
  return total;
}
