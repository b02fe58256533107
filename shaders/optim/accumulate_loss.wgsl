// formula: loss[0] -= sum_r weight[r] logprob[r]; loss[1] += sum_r weight[r]
// in: weight, logprob (R) f32
// out: loss (2) f32, added to: several micro-batches make one update
// grid: one workgroup of 64
// cost: 3 R flops, 8 R bytes
// tolerance: 1e-12 normalised mean squared error
// guard: none needed
struct Args { R: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> logprob: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
var<workgroup> sums: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec2<f32>(0.0);
  for (var r = local; r < args.R; r += 64u) { sum += vec2<f32>(-weight[r] * logprob[r], weight[r]); }
  sums[local] = sum;
  workgroupBarrier();
  for (var s = 32u; s > 0u; s = s / 2u) {
    if (local < s) { sums[local] += sums[local + s]; }
    workgroupBarrier();
  }
  if (local == 0u) {
    loss[0] += sums[0].x;
    loss[1] += sums[0].y;
  }
}
