// formula: the rows of the policy's own tokens get weight = norm (scale A[line] + eta later) and entropyWeight = norm eta; later is the entropy
//          of the thought's rows after this one (at a thinking decision: of all its content), the score-function part of the gradient of
//          k H(content). All other rows get 0: expert tokens never carry a weight. See policyWeights in src/midtrain/elbo.ts.
// in: rowLine (R) u32: the line's index n, or 0xffffffff; later (R), advantage (N), scale (1) f32; settings (2) f32: norm, eta
// out: weight, entropyWeight (R) f32
// grid: one thread per row, workgroups of 64, rows of 65,535 workgroups
// cost: 20 R bytes
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond R do nothing
struct Args { R: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> rowLine: array<u32>;
@group(0) @binding(2) var<storage, read_write> later: array<f32>;
@group(0) @binding(3) var<storage, read_write> advantage: array<f32>;
@group(0) @binding(4) var<storage, read_write> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> settings: array<f32>;
@group(0) @binding(6) var<storage, read_write> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> entropyWeight: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let r = flatIndex(group, groups, local);
  if (r >= args.R) { return; }
  let n = rowLine[r];
  if (n == 0xffffffffu) {
    weight[r] = 0.0;
    entropyWeight[r] = 0.0;
    return;
  }
  weight[r] = settings[0] * (scale[0] * advantage[n] + settings[1] * later[r]);
  entropyWeight[r] = settings[0] * settings[1];
}
