// formula: scale = 1 / (std of the advantages over all lines, n - 1, + 1e-6), or 1 when args.normalise = 0
// in: advantage (N) f32; count (N) u32: 0 where there is no line
// out: scale (1) f32
// grid: one workgroup of 64
// cost: 4 N flops
// tolerance: 1e-6 relative
// guard: fewer than two lines give 1
struct Args { N: u32, normalise: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> advantage: array<f32>;
@group(0) @binding(2) var<storage, read_write> count: array<u32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;
var<workgroup> sums: array<vec2<f32>, 64>;
var<workgroup> squares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec2<f32>(0.0);
  for (var i = local; i < args.N; i += 64u) { if (count[i] > 0u) { sum += vec2<f32>(advantage[i], 1.0); } }
  sums[local] = sum;
  workgroupBarrier();
  for (var s = 32u; s > 0u; s = s / 2u) {
    if (local < s) { sums[local] += sums[local + s]; }
    workgroupBarrier();
  }
  let n = sums[0].y;
  let mean = sums[0].x / max(n, 1.0);
  var square = 0.0;
  for (var i = local; i < args.N; i += 64u) { if (count[i] > 0u) { square += (advantage[i] - mean) * (advantage[i] - mean); } }
  squares[local] = square;
  workgroupBarrier();
  for (var s = 32u; s > 0u; s = s / 2u) {
    if (local < s) { squares[local] += squares[local + s]; }
    workgroupBarrier();
  }
  if (local == 0u) {
    scale[0] = select(1.0, 1.0 / (sqrt(squares[0] / max(n - 1.0, 1.0)) + 1.0e-6), args.normalise == 1u && n > 1.5);
  }
}
