// formula: norm = sqrt(sum parts); factor = min(1, clip / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; clip = 0 means off
// in: parts (P) f32; hyper (9) f32: lr, beta1, beta2, eps, weight decay, 1 - beta1^t, 1 - beta2^t, clip
// out: norm (2) f32: the norm before clipping, the factor
// grid: one thread
// cost: P adds
// tolerance: 1e-6 relative
// guard: none needed
struct Args { P: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var p = 0u; p < args.P; p++) { sum += parts[p]; }
  let n = sqrt(sum);
  norm[0] = n;
  norm[1] = select(1.0, min(1.0, hyper[7] / (n + 1.0e-6)), hyper[7] > 0.0);
}
