// formula: log w = sum over the rollout's lines of reward - logQ; A = G w / (sum of w over the program's G rollouts) - 1 at each of its lines
// in: reward, logQ (P G, L) f32, 0 where there is no line; count (P G, L) u32: 0 where the program has no such line
// out: advantage (P G, L) f32, exactly 0 where there is no line and where all G weights are equal
// grid: one thread per (program, line), workgroups of 64
// cost: 2 P G L^2 flops
// tolerance: 1e-6 normalised mean squared error
// guard: threads beyond P L do nothing
struct Args { P: u32, G: u32, L: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> reward: array<f32>;
@group(0) @binding(2) var<storage, read_write> logQ: array<f32>;
@group(0) @binding(3) var<storage, read_write> count: array<u32>;
@group(0) @binding(4) var<storage, read_write> advantage: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= args.P * args.L) { return; }
  let program = id.x / args.L;
  let t = id.x % args.L;
  var top = -3.0e38;
  var first = 0.0;
  var spread = false;
  for (var g = 0u; g < args.G; g++) {
    let row = (program * args.G + g) * args.L;
    var sum = 0.0;
    for (var u = 0u; u < args.L; u++) { sum += reward[row + u] - logQ[row + u]; }
    advantage[row + t] = sum;
    top = max(top, sum);
    if (g == 0u) { first = sum; }
    spread = spread || sum != first;
  }
  var total = 0.0;
  for (var g = 0u; g < args.G; g++) { total += exp(advantage[(program * args.G + g) * args.L + t] - top); }
  for (var g = 0u; g < args.G; g++) {
    let at = (program * args.G + g) * args.L + t;
    let share = exp(advantage[at] - top) / total;
    advantage[at] = select(0.0, f32(args.G) * share - 1.0, spread && count[at] > 0u);
  }
}
