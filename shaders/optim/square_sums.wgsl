// formula: parts[p] = sum over the p-th block of g^2
// in: g (N) f32
// out: parts (P) f32, block = ceil(N / P)
// grid: one thread per part, workgroups of 64
// cost: 2 N flops, 4 N bytes
// tolerance: 1e-6 normalised mean squared error
// guard: threads beyond P do nothing
struct Args { N: u32, P: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= args.P) { return; }
  // strided, so that neighbouring threads read neighbouring addresses
  var sum = 0.0;
  for (var i = id.x; i < args.N; i += args.P) { sum += g[i] * g[i]; }
  parts[id.x] = sum;
}
