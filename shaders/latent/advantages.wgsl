// formula: R_t = r_t + gamma R_{t+1} for each rollout; A = factor (R - mean of R over the program's G rollouts at the same line)
// in: reward (P G, L) f32; count (P G, L) u32: 0 where the program has no such line (the same for all G rollouts of a program)
// out: advantage (P G, L) f32, exactly 0 where there is no line and where all G returns are equal
// grid: one thread per (program, line), workgroups of 64
// cost: 2 P G L^2 flops
// tolerance: 1e-6 normalised mean squared error
// guard: threads beyond P L do nothing
struct Args { P: u32, G: u32, L: u32, gamma: f32, factor: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> reward: array<f32>;
@group(0) @binding(2) var<storage, read_write> count: array<u32>;
@group(0) @binding(3) var<storage, read_write> advantage: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= args.P * args.L) { return; }
  let program = id.x / args.L;
  let t = id.x % args.L;
  var total = 0.0;
  var first = 0.0;
  var spread = false;
  for (var g = 0u; g < args.G; g++) {
    let row = (program * args.G + g) * args.L;
    var sum = 0.0;
    for (var u = args.L; u > t; u--) { sum = reward[row + u - 1u] + args.gamma * sum; }
    advantage[row + t] = sum;
    total += sum;
    if (g == 0u) { first = sum; }
    spread = spread || sum != first;
  }
  let mean = total / f32(args.G);
  for (var g = 0u; g < args.G; g++) {
    let at = (program * args.G + g) * args.L + t;
    advantage[at] = select(0.0, args.factor * (advantage[at] - mean), spread && count[at] > 0u);
  }
}
