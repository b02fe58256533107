// formula: lp[n] = sum over the line's scored rows of logprob; reward[n] = lp[n] / count[n]^b - cost[n]
// in: logprob (R) f32: row r holds log p(token r + 1); scored (R) f32, 0 or 1; first, count (N) u32: the rows of line n that predict its
//     own tokens (count 0: no such line); cost (N) f32: thought penalties or the literal KL
// out: lineLogprob, reward (N) f32; 0 where there is no line
// grid: one thread per line, workgroups of 64
// cost: 2 R flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond N do nothing
struct Args { N: u32, normalised: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logprob: array<f32>;
@group(0) @binding(2) var<storage, read_write> scored: array<f32>;
@group(0) @binding(3) var<storage, read_write> first: array<u32>;
@group(0) @binding(4) var<storage, read_write> count: array<u32>;
@group(0) @binding(5) var<storage, read_write> cost: array<f32>;
@group(0) @binding(6) var<storage, read_write> lineLogprob: array<f32>;
@group(0) @binding(7) var<storage, read_write> reward: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let n = flatIndex(group, groups, local);
  if (n >= args.N) { return; }
  var sum = 0.0;
  var tokens = 0.0;
  for (var k = 0u; k < count[n]; k++) {
    let row = first[n] + k;
    sum += scored[row] * logprob[row];
    tokens += scored[row];
  }
  lineLogprob[n] = sum;
  var value = sum;
  if (args.normalised == 1u) { value = sum / max(tokens, 1.0); }
  reward[n] = select(0.0, value - cost[n], count[n] > 0u);
}
