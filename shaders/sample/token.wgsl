// formula: seen tokens' logits / penalty where positive, * penalty where negative; then / temperature; kept to the top k, to the smallest set with
//          mass >= p, and to what has at least minP of the likeliest's probability (ties kept each time); sampled by Gumbel-max, temperature 0
//          takes the argmax (lowest id among equals). lp = log softmax(logits)[token], H = entropy of softmax(logits): before any of the above
// in: logits (rows, ld) f32; settings (S, 8) u32 per slot: seed, stream, temperature bits, top-k (0 = all), top-p bits, min-p bits, penalty bits,
//     position of the last token; state (3, stride) u32 per row: slot, position, current token
// out: state: position + 1, the token, and slot S (idle) when that was the last; ring (S, ring) vec4<u32> at [slot, (position + 1) % ring]: token,
//      lp bits, H bits, position + 1; seen (S, words) u32, a bit per id; logits of seen tokens are overwritten where there is a penalty
// grid: LANES threads per row, GROUP / LANES rows per workgroup of GROUP
// cost: 20 rows V flops, a search about 100 rows V a pass, mostly 3 to 5 passes; 4 rows V bytes a pass
// tolerance: token equal to the reference's, lp and H to 1e-5
// guard: rows beyond the chunk and rows of slot >= S write nothing; columns V to ld are not looked at
// FILTER = 1 compiles penalty, top-k, top-p and min-p in; 0 leaves them out. A loop whose bound is 0 costs nothing on CPU adapters, a branch not
// taken does: so whatever a row does not ask for is a loop with no turns, and barriers stay where all threads meet.
override FILTER: u32 = 1u;
struct Args { rows: u32, firstRow: u32, V: u32, ld: u32, S: u32, stride: u32, words: u32, ring: u32, lanes: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logits: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> seen: array<u32>;
@group(0) @binding(5) var<storage, read_write> ring: array<vec4<u32>>;
//!include "lib/reduce_wide.wgsl"
//!include "lib/rng.wgsl"
//!include "lib/gumbel.wgsl"

const LOWEST = -1.0e30;
const NONE = vec4<f32>(0.0);
// gumbel() of the largest word is 16.64
const MOST_NOISE = 16.7;

// Order-preserving map of f32 to u32.
fn sortKeys(x: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(x);
  return select(bits | vec4<u32>(0x80000000u), ~bits, (bits >> vec4<u32>(31u)) == vec4<u32>(1u));
}
fn sortKey(x: f32) -> u32 { return sortKeys(vec4<f32>(x)).x; }

// Four columns of a row; those beyond V never win and weigh nothing.
fn columns(at: u32, v4: u32) -> vec4<f32> {
  return select(vec4<f32>(LOWEST), logits[at + v4], 4u * v4 + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(args.V));
}

fn least(x: vec4<f32>) -> f32 { return min(min(x.x, x.y), min(x.z, x.w)); }
fn least4(x: vec4<u32>) -> u32 { return min(min(x.x, x.y), min(x.z, x.w)); }
fn most(x: vec4<f32>) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
fn most4(x: vec4<u32>) -> u32 { return max(max(x.x, x.y), max(x.z, x.w)); }

// A search over n4 blocks of columns (0: nothing is sought): keys from `floor` on weigh exp((x - top) scale) (scale 0: each 1); wanted is the largest
// key t such that those from t on weigh at least `need`, or `fraction` of all. `unit` is the distance from the maximum that matters.
struct Search { n4: u32, floor: u32, top: f32, scale: f32, unit: f32, need: f32, fraction: f32 }

// Sixteen thresholds a turn: first at distances that logits have from their maximum, then equal parts of the keys left over. At most 9 turns.
fn search(at: u32, lane: u32, local: u32, s: Search) -> u32 {
  var lo = s.floor;
  var hi = sortKey(s.top) + 1u;
  var need = s.need;
  var enough = 0.0; // the weight from lo on
  var n4 = s.n4;
  for (var turn = 0u; turn < 9u; turn++) {
    let step = (hi - lo + 15u) / 16u;
    var c0 = lo + step * vec4<u32>(0u, 1u, 2u, 3u);
    var c1 = lo + step * vec4<u32>(4u, 5u, 6u, 7u);
    var c2 = lo + step * vec4<u32>(8u, 9u, 10u, 11u);
    var c3 = lo + step * vec4<u32>(12u, 13u, 14u, 15u);
    if (turn == 0u) {
      c0 = max(vec4<u32>(lo), sortKeys(s.top - s.unit * vec4<f32>(0.0, 32.0, 22.6, 16.0)));
      c0.x = lo;
      c1 = max(vec4<u32>(lo), sortKeys(s.top - s.unit * vec4<f32>(11.3, 8.0, 5.66, 4.0)));
      c2 = max(vec4<u32>(lo), sortKeys(s.top - s.unit * vec4<f32>(2.83, 2.0, 1.41, 1.0)));
      c3 = max(vec4<u32>(lo), sortKeys(s.top - s.unit * vec4<f32>(0.707, 0.5, 0.354, 0.25)));
    }
    var f0 = NONE;
    var f1 = NONE;
    var f2 = NONE;
    var f3 = NONE;
    var inside = NONE;
    for (var v4 = lane; v4 < n4; v4 += LANES) {
      let x = columns(at, v4);
      let k = sortKeys(x);
      let e = exp((x - s.top) * s.scale);
      inside += select(NONE, vec4<f32>(1.0), (k >= vec4<u32>(lo)) & (k < vec4<u32>(hi)));
      f0 += select(NONE, vec4<f32>(e.x), k.xxxx >= c0) + select(NONE, vec4<f32>(e.y), k.yyyy >= c0);
      f0 += select(NONE, vec4<f32>(e.z), k.zzzz >= c0) + select(NONE, vec4<f32>(e.w), k.wwww >= c0);
      f1 += select(NONE, vec4<f32>(e.x), k.xxxx >= c1) + select(NONE, vec4<f32>(e.y), k.yyyy >= c1);
      f1 += select(NONE, vec4<f32>(e.z), k.zzzz >= c1) + select(NONE, vec4<f32>(e.w), k.wwww >= c1);
      f2 += select(NONE, vec4<f32>(e.x), k.xxxx >= c2) + select(NONE, vec4<f32>(e.y), k.yyyy >= c2);
      f2 += select(NONE, vec4<f32>(e.z), k.zzzz >= c2) + select(NONE, vec4<f32>(e.w), k.wwww >= c2);
      f3 += select(NONE, vec4<f32>(e.x), k.xxxx >= c3) + select(NONE, vec4<f32>(e.y), k.yyyy >= c3);
      f3 += select(NONE, vec4<f32>(e.z), k.zzzz >= c3) + select(NONE, vec4<f32>(e.w), k.wwww >= c3);
    }
    // the weight from lo on is known after the first turn: its place goes to the number of columns in the bracket
    let left = inside.x + inside.y + inside.z + inside.w;
    if (turn > 0u) { f0.x = left; }
    let f = rowSum16(mat4x4<f32>(f0, f1, f2, f3), local);
    if (n4 > 0u) {
      f0 = f[0];
      let alone = turn > 0u && f0.x <= 1.0;
      if (turn > 0u) { f0.x = enough; }
      if (turn == 0u && s.fraction > 0.0) { need = s.fraction * f0.x; }
      let goal = vec4<f32>(need);
      enough = min(
        min(least(select(vec4<f32>(1.0e30), f0, f0 >= goal)), least(select(vec4<f32>(1.0e30), f[1], f[1] >= goal))),
        min(least(select(vec4<f32>(1.0e30), f[2], f[2] >= goal)), least(select(vec4<f32>(1.0e30), f[3], f[3] >= goal))),
      );
      let open = vec4<u32>(hi);
      hi = min(
        min(least4(select(open, c0, f0 < goal)), least4(select(open, c1, f[1] < goal))),
        min(least4(select(open, c2, f[2] < goal)), least4(select(open, c3, f[3] < goal))),
      );
      let shut = vec4<u32>(lo);
      lo = max(
        max(most4(select(shut, c0, f0 >= goal)), most4(select(shut, c1, f[1] >= goal))),
        max(most4(select(shut, c2, f[2] >= goal)), most4(select(shut, c3, f[3] >= goal))),
      );
      // found: one key left, what is kept weighs no more than it must, or the bracket held a single column
      if (hi - lo <= 1u || enough <= need || alone) { n4 = 0u; }
    }
  }
  return min(lo, sortKey(s.top));
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = group.x * (GROUP / LANES) + local / LANES;
  let r = min(wanted, args.rows - 1u);
  let row = args.firstRow + r;
  let at = r * (args.ld / 4u);
  let lane = local % LANES;
  let live = wanted < args.rows && state[row] < args.S;
  let slot = min(state[row], args.S - 1u);
  let pos = state[args.stride + row];
  let s = 8u * slot;
  let key = vec2<u32>(settings[s], settings[s + 1u]);
  let temperature = bitcast<f32>(settings[s + 2u]);
  let greedy = temperature <= 0.0;
  let inverse = select(1.0 / max(temperature, 1.0e-6), 1.0, greedy);
  let n4 = select(0u, (args.V + 3u) / 4u, live);

  var m4 = vec4<f32>(LOWEST);
  for (var v4 = lane; v4 < n4; v4 += LANES) { m4 = max(m4, columns(at, v4)); }
  let m = rowMax(most(m4), local);
  var sum4 = NONE;
  var dotted4 = NONE;
  for (var v4 = lane; v4 < n4; v4 += LANES) {
    let x = columns(at, v4) - m;
    let e = exp(x);
    sum4 += e;
    dotted4 += e * x;
  }
  let sums = rowSum4(vec4<f32>(sum4.x + sum4.y + sum4.z + sum4.w, dotted4.x + dotted4.y + dotted4.z + dotted4.w, 0.0, 0.0), local);
  let logSum = log(sums.x);

  var penalty = 1.0;
  var threshold = 0u;
  if (FILTER == 1u) {
    penalty = bitcast<f32>(settings[s + 6u]);
    let words = select(args.words, 0u, penalty == 1.0 || !live);
    for (var w = lane; w < words; w += LANES) {
      var bits = seen[slot * args.words + w];
      for (var i = 0u; i < 32u && bits != 0u; i++) {
        let v = 32u * w + firstTrailingBit(bits);
        bits = bits & (bits - 1u);
        let x = logits[at + v / 4u][v % 4u];
        logits[at + v / 4u][v % 4u] = select(x / penalty, x * penalty, x < 0.0);
      }
    }
    if (LANES > 1u) { storageBarrier(); }
    var top4 = vec4<f32>(LOWEST);
    for (var v4 = lane; v4 < select(n4, 0u, penalty == 1.0); v4 += LANES) { top4 = max(top4, columns(at, v4)); }
    let top = select(rowMax(most(top4), local), m, penalty == 1.0);

    let topK = settings[s + 3u];
    let topP = bitcast<f32>(settings[s + 4u]);
    let minP = bitcast<f32>(settings[s + 5u]);
    let byRank = select(n4, 0u, greedy || topK == 0u || topK >= args.V);
    let byMass = select(n4, 0u, greedy || topP >= 1.0);
    // by rank, then by mass
    for (var kind = 0u; kind < 2u; kind++) {
      var sought = Search(byRank, 0u, top, 0.0, 1.0, f32(topK), 0.0);
      if (kind == 1u) { sought = Search(byMass, threshold, top, inverse, temperature, 0.0, max(topP, 1.0e-30)); }
      threshold = search(at, lane, local, sought);
    }
    if (minP > 0.0) { threshold = max(threshold, sortKey(top + min(0.0, temperature * log(minP)))); }
  }

  var best = Best(-3.0e38, 0u);
  for (var v4 = lane; v4 < select(0u, n4, greedy); v4 += LANES) {
    let x = columns(at, v4);
    best = better(best, x.x, 4u * v4);
    best = better(best, x.y, 4u * v4 + 1u);
    best = better(best, x.z, 4u * v4 + 2u);
    best = better(best, x.w, 4u * v4 + 3u);
  }
  for (var v4 = lane; v4 < select(n4, 0u, greedy); v4 += LANES) {
    let x = columns(at, v4);
    // what cannot win whatever its noise draws none
    let kept = (sortKeys(x) >= vec4<u32>(threshold)) & (x > vec4<f32>(LOWEST)) & (x * inverse > vec4<f32>(best.score - MOST_NOISE));
    for (var draw = select(1u, 0u, any(kept)); draw < 1u; draw++) {
      let noise = philox(key, vec4<u32>(pos, 0u, v4, 0u));
      let score = select(
        vec4<f32>(-3.0e38),
        x * inverse + vec4<f32>(gumbel(noise.x), gumbel(noise.y), gumbel(noise.z), gumbel(noise.w)),
        kept,
      );
      best = better(best, score.x, 4u * v4);
      best = better(best, score.y, 4u * v4 + 1u);
      best = better(best, score.z, 4u * v4 + 2u);
      best = better(best, score.w, 4u * v4 + 3u);
    }
  }
  let token = min(rowBest(best, local), args.V - 1u);
  if (!live || lane != 0u) { return; }
  let word = slot * args.words + token / 32u;
  let bit = 1u << (token % 32u);
  var x = logits[at + token / 4u][token % 4u];
  if (penalty != 1.0 && (seen[word] & bit) != 0u) { x = select(x * penalty, x / penalty, x < 0.0); }
  seen[word] = seen[word] | bit;
  let next = pos + 1u;
  ring[slot * args.ring + next % args.ring] = vec4<u32>(token, bitcast<u32>(x - m - logSum), bitcast<u32>(logSum - sums.y / sums.x), next);
  if (next >= settings[s + 7u]) { state[row] = args.S; }
  state[args.stride + row] = next;
  state[2u * args.stride + row] = token;
}
