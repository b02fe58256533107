// formula: over the allowed ids p = softmax(logits), lp = log p[target], h = entropy(p);
//          loss = -weight lp - entropyWeight h, whose gradient in the logits replaces them:
//          d[v] = weight (p[v] - 1[v = target]) + entropyWeight p[v] (log p[v] + h)
//          binary rows: k = p[target], k' = sigmoid(logit(k) + bias), lp = log k' if taken else log(1 - k'), h = entropy of (k', 1 - k');
//          d[v] = -(weight ds + entropyWeight dh) (1[v = target] - p[v]) / (1 - k), ds = (1 - k') or -k', dh = -k' (1 - k') logit(k')
// in: logits (rows, ld) f32; spec (R) vec4<u32>: target (beyond V: inactive row), mode (0 all ids, 1 ids in [lo, hi), 2 binary not taken,
//     3 binary taken), lo, hi; weight, entropyWeight (R) f32; the chunk's first row is args.firstRow
// out: logits overwritten by the gradient when GRADIENT = 1 (0 for inactive rows and beyond V); logprob, entropy (R) f32
// grid: LANES threads per row, 64 / LANES rows per workgroup
// cost: 10 rows V flops, 16 rows V bytes
// tolerance: 1e-7 normalised mean squared error
// guard: rows beyond the chunk are computed on its last row and not written; 1 - k is kept above 1e-7
struct Args { rows: u32, firstRow: u32, V: u32, ld: u32, bias: f32 }
override GRADIENT: u32 = 1u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> spec: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> entropyWeight: array<f32>;
@group(0) @binding(5) var<storage, read_write> logprob: array<f32>;
@group(0) @binding(6) var<storage, read_write> entropy: array<f32>;
//!include "lib/reduce.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = group.x * (64u / LANES) + local / LANES;
  let r = min(wanted, args.rows - 1u);
  let row = args.firstRow + r;
  let at = r * args.ld;
  let lane = local % LANES;
  let s = spec[row];
  let restricted = s.y == 1u;
  let lo = select(0u, s.z, restricted);
  let hi = min(select(args.V, s.w, restricted), args.V);
  var m = -3.0e38;
  for (var v = lo + lane; v < hi; v += LANES) { m = max(m, logits[at + v]); }
  m = rowMax(m, local);
  var sum = 0.0;
  var dotted = 0.0;
  for (var v = lo + lane; v < hi; v += LANES) {
    let x = logits[at + v] - m;
    let e = exp(x);
    sum += e;
    dotted += e * x;
  }
  sum = rowSum(sum, local);
  dotted = rowSum(dotted, local);
  let logSum = log(sum);
  let isActive = s.x < args.V;
  let w = select(0.0, weight[row], isActive);
  let we = select(0.0, entropyWeight[row], isActive);
  let goal = min(s.x, args.V - 1u);
  let lpTarget = logits[at + goal] - m - logSum;
  // every lane has read the target's logit before any of them overwrites the row
  _ = rowMax(0.0, local);
  var lp = lpTarget;
  var h = logSum - dotted / sum;
  var slope = 0.0;
  let binary = s.y >= 2u;
  if (binary) {
    let k = exp(lpTarget);
    let rest = max(1.0 - k, 1.0e-7);
    let logit = lpTarget - log(rest) + args.bias;
    let kb = 1.0 / (1.0 + exp(-logit));
    // log sigmoid without cancellation
    let logYes = min(logit, 0.0) - log(1.0 + exp(-abs(logit)));
    let logNo = logYes - logit;
    let taken = s.y == 3u;
    lp = select(logNo, logYes, taken);
    h = -(kb * logYes + (1.0 - kb) * logNo);
    slope = -(w * select(-kb, 1.0 - kb, taken) - we * kb * (1.0 - kb) * logit) / rest;
  }
  if (wanted < args.rows) {
    if (lane == 0u) {
      logprob[row] = select(0.0, lp, isActive);
      entropy[row] = select(0.0, h, isActive);
    }
    if (GRADIENT == 1u) {
      for (var v = lane; v < args.ld; v += LANES) {
        var d = 0.0;
        if (isActive && v >= lo && v < hi) {
          let q = logits[at + v] - m - logSum;
          let p = exp(q);
          let hit = select(0.0, 1.0, v == goal);
          if (binary) { d = slope * (hit - p); } else { d = w * (p - hit) + we * p * (q + h); }
        }
        logits[at + v] = d;
      }
    }
  }
}
