// formula: norm = sqrt(sum parts); factor = min(1, clip / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; clip 0: factor 1. A norm that is
//          not finite has factor 0, with which the update kernels leave everything as it was
// in: parts (P) f32; hyper: [7] is clip (src/engine/optimOps.ts)
// out: norm (2) f32: the norm before clipping, the factor
// grid: one workgroup of 256
// cost: P adds
// tolerance: 1e-12 normalised mean squared error
// guard: none needed; infinities and NaN are told by their bits
struct Args { P: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;
var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var p = local; p < args.P; p += 256u) { sum += parts[p]; }
  sums[local] = sum;
  workgroupBarrier();
  for (var s = 128u; s > 0u; s = s / 2u) {
    if (local < s) { sums[local] += sums[local + s]; }
    workgroupBarrier();
  }
  if (local > 0u) { return; }
  let n = sqrt(sums[0]);
  norm[0] = n;
  var factor = 1.0;
  if (hyper[7] > 0.0) { factor = min(1.0, hyper[7] / (n + 1.0e-6)); }
  if ((bitcast<u32>(sums[0]) & 0x7f800000u) == 0x7f800000u) { factor = 0.0; }
  norm[1] = factor;
}
