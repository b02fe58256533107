// formula: ring[slot] = (-sum_r weight[r] logprob[r], sum_r weight[r], gradient norm before clipping, clip factor)
// in: weight, logprob (R) f32; norm (2) f32; hyper (9) f32: [8] is the slot
// out: ring (slots) vec4<f32>
// grid: one workgroup of 64
// cost: 3 R flops, 8 R bytes
// tolerance: 1e-6 relative
// guard: the slot is taken modulo args.slots
struct Args { R: u32, slots: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> logprob: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;
@group(0) @binding(4) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(5) var<storage, read_write> ring: array<vec4<f32>>;
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
  if (local == 0u) { ring[u32(hyper[8]) % args.slots] = vec4<f32>(sums[0], norm[0], norm[1]); }
}
