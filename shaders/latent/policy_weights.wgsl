// formula: the rows of the policy's own tokens get weight = norm (scale A[line] + eta Hc[line]) at the decision and norm scale A[line] at
//          content; entropyWeight = norm eta at both. Hc[line] is the summed content entropy of a thought that was taken (0 after act):
//          the score-function part of the gradient of k H(content). All other rows get 0: expert tokens never carry a weight.
// in: rowLine (R) u32: 2 n + (1 at decisions, 0 at content) for line n, or 0xffffffff; advantage, contentEntropy (N) f32; scale (1) f32;
//     settings (2) f32: norm, eta
// out: weight, entropyWeight (R) f32
// grid: one thread per row, workgroups of 64, rows of 65,535 workgroups
// cost: 24 R bytes
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond R do nothing
struct Args { R: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> rowLine: array<u32>;
@group(0) @binding(2) var<storage, read_write> advantage: array<f32>;
@group(0) @binding(3) var<storage, read_write> contentEntropy: array<f32>;
@group(0) @binding(4) var<storage, read_write> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> settings: array<f32>;
@group(0) @binding(6) var<storage, read_write> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> entropyWeight: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let r = flatIndex(group, groups, local);
  if (r >= args.R) { return; }
  let tag = rowLine[r];
  if (tag == 0xffffffffu) {
    weight[r] = 0.0;
    entropyWeight[r] = 0.0;
    return;
  }
  let n = tag / 2u;
  var w = scale[0] * advantage[n];
  if (tag % 2u == 1u) { w += settings[1] * contentEntropy[n]; }
  weight[r] = settings[0] * w;
  entropyWeight[r] = settings[0] * settings[1];
}
