// formula: per row of a rollout: q = exp(lp - old) (RATIO 1: of the row; 2: of the mean of lp - old over the rollout's rows; 0: q = 1), A its advantage;
//          surrogate s: CLIP 0 A q (RATIO 0: A lp); 1 A min(q, high) for A > 0, A max(q, low) for A < 0; 2 A clamp(q, low, high) lp, the clamped ratio
//          held constant; 3 as 1, and q at most dual for A < 0;
//          k: KL 1 d, 2 d^2 / 2, 3 exp(-d) - 1 + d, with d = lp - ref; loss = sum share (beta k - s);
//          weight = -dloss/dlp = share (ds/dlp - beta dk/dlp)
// in: logprob (B T) f32: row r of rollout r / T; rows (B T) vec4<f32>: share (0: not trained, weight 0), A, old, ref
// out: weight (B T) f32; tally (B, 2) vec4<f32>, added to (its maximum: raised to): trained rows, rows clipped below, above, sum of old - lp;
//      sum of q, largest q, loss, 0
// grid: one thread per rollout, workgroups of 64: it walks its rows twice, which is nothing beside the passes around it
// cost: 60 B T flops, 44 B T bytes
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond B do nothing; differences of log-probabilities are kept within 20
struct Args { B: u32, T: u32, low: f32, high: f32, dual: f32, beta: f32 }
override RATIO: u32 = 1u;
override CLIP: u32 = 1u;
override KL: u32 = 0u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logprob: array<f32>;
@group(0) @binding(2) var<storage, read_write> rows: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> tally: array<vec4<f32>>;
//!include "lib/index.wgsl"

// exp(x) - 1 - x, by its series where the difference would lose its digits
fn expTail(x: f32) -> f32 {
  let series = x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0))));
  return select(exp(x) - 1.0 - x, series, abs(x) < 0.25);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let b = flatIndex(group, groups, local);
  if (b >= args.B) { return; }
  let end = (b + 1u) * args.T;
  var difference = 0.0;
  var trained = 0.0;
  for (var r = b * args.T; r < end; r++) {
    if (rows[r].x != 0.0) {
      difference += logprob[r] - rows[r].z;
      trained += 1.0;
    }
  }
  let whole = exp(clamp(difference / max(trained, 1.0), -20.0, 20.0));
  var below = 0.0;
  var above = 0.0;
  var ratios = 0.0;
  var largest = 0.0;
  var loss = 0.0;
  for (var r = b * args.T; r < end; r++) {
    let row = rows[r];
    let lp = logprob[r];
    var q = 1.0;
    if (RATIO == 1u) { q = exp(clamp(lp - row.z, -20.0, 20.0)); }
    if (RATIO == 2u) { q = whole; }
    var kept = q;
    if (CLIP == 2u) { kept = clamp(q, args.low, args.high); }
    if (CLIP == 1u || CLIP == 3u) {
      kept = select(min(q, args.high), max(q, args.low), row.y < 0.0);
      if (CLIP == 3u && row.y < 0.0) { kept = min(kept, args.dual); }
    }
    var s = row.y * kept;
    var slope = s;
    if (RATIO == 0u || CLIP == 2u) { s *= lp; } else if (kept != q) { slope = 0.0; }
    if (KL != 0u) {
      let d = clamp(lp - row.w, -20.0, 20.0);
      let tail = expTail(-d);
      s -= args.beta * select(select(tail, d * d * 0.5, KL == 2u), d, KL == 1u);
      slope -= args.beta * select(select(d - tail, d, KL == 2u), 1.0, KL == 1u);
    }
    let counts = row.x != 0.0;
    weight[r] = select(0.0, row.x * slope, counts);
    if (counts) {
      ratios += q;
      largest = max(largest, q);
      loss -= row.x * s;
      if (CLIP == 2u || row.y != 0.0) {
        below += select(0.0, 1.0, kept > q);
        above += select(0.0, 1.0, kept < q);
      }
    }
  }
  tally[2u * b] += vec4<f32>(trained, below, above, -difference);
  let t = tally[2u * b + 1u];
  tally[2u * b + 1u] = vec4<f32>(t.x + ratios, max(t.y, largest), t.z + loss, 0.0);
}
