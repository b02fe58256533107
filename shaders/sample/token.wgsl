// formula: logits / temperature, kept to the top k and then to the smallest set with mass >= p (ties kept), sampled by Gumbel-max;
//          temperature 0 takes the argmax (lowest id among equals). lp = log softmax(logits)[token], untempered and unfiltered.
//          Positions inside the prompt take the prompt's token instead.
// in: logits (rows, ld) f32; settings (8) u32: seed, stream, temperature bits, top-k (0 = all), top-p bits; promptLength (B) u32
// out: ids (B, T) u32 and logprob (B, T) f32 at position + 1; current (B) the token, position (B) advanced by one
// grid: LANES threads per row, 64 / LANES rows per workgroup
// cost: about 80 rows V flops with filters, 20 without; 4 rows V bytes a pass
// tolerance: token equal to the reference's, lp to 1e-6
// guard: rows beyond the chunk are computed on its last row and not written; at position T - 1 nothing is written
// FILTER = 1 compiles the top-k and top-p search in (32 passes each); 0 leaves it out.
override FILTER: u32 = 1u;
struct Args { rows: u32, firstRow: u32, V: u32, ld: u32, T: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> promptLength: array<u32>;
@group(0) @binding(4) var<storage, read_write> position: array<u32>;
@group(0) @binding(5) var<storage, read_write> current: array<u32>;
@group(0) @binding(6) var<storage, read_write> ids: array<u32>;
@group(0) @binding(7) var<storage, read_write> logprob: array<f32>;
//!include "lib/reduce.wgsl"
//!include "lib/rng.wgsl"
//!include "lib/gumbel.wgsl"

// Order-preserving map of f32 to u32.
fn sortKey(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = group.x * (64u / LANES) + local / LANES;
  let r = min(wanted, args.rows - 1u);
  let row = args.firstRow + r;
  let at = r * args.ld;
  let lane = local % LANES;
  let temperature = bitcast<f32>(settings[2]);
  let inverse = select(1.0, 1.0 / max(temperature, 1.0e-6), temperature > 0.0);
  let topK = select(settings[3], args.V, settings[3] == 0u);
  let topP = bitcast<f32>(settings[4]);
  let V = args.V;

  var m = -3.0e38;
  for (var v = lane; v < V; v += LANES) { m = max(m, logits[at + v]); }
  m = rowMax(m, local);
  var sum = 0.0;
  for (var v = lane; v < V; v += LANES) { sum += exp(logits[at + v] - m); }
  let logSum = log(rowSum(sum, local));

  // kept: the ids whose key reaches `threshold`, found bit by bit from the top
  var threshold = 0u;
  let greedy = temperature <= 0.0;
  if (FILTER == 1u) {
    for (var bit = 0u; bit < 32u; bit++) {
      let candidate = threshold | (0x80000000u >> bit);
      var count = 0.0;
      for (var v = lane; v < V; v += LANES) { if (sortKey(logits[at + v]) >= candidate) { count += 1.0; } }
      if (rowSum(count, local) >= f32(topK)) { threshold = candidate; }
    }
    var mass = 0.0;
    for (var v = lane; v < V; v += LANES) { if (sortKey(logits[at + v]) >= threshold) { mass += exp((logits[at + v] - m) * inverse); } }
    let need = rowSum(mass, local) * topP;
    let top = sortKey(m);
    var nucleus = 0u;
    for (var bit = 0u; bit < 32u; bit++) {
      let candidate = nucleus | (0x80000000u >> bit);
      var part = 0.0;
      for (var v = lane; v < V; v += LANES) { if (sortKey(logits[at + v]) >= max(candidate, threshold)) { part += exp((logits[at + v] - m) * inverse); } }
      if (rowSum(part, local) >= need && candidate <= top) { nucleus = candidate; }
    }
    // p = 1 keeps all that top-k kept, whatever rounding made of the mass
    if (topP < 1.0) { threshold = max(threshold, nucleus); }
  }

  let pos = position[row];
  var best = Best(-3.0e38, 0u);
  for (var v4 = lane; v4 * 4u < V; v4 += LANES) {
    var noise = vec4<u32>(0u);
    if (!greedy) { noise = philox(vec2<u32>(settings[0], settings[1]), vec4<u32>(pos, row, v4, 0u)); }
    for (var k = 0u; k < 4u; k++) {
      let v = v4 * 4u + k;
      if (v < V && sortKey(logits[at + min(v, V - 1u)]) >= threshold) {
        var score = logits[at + v];
        if (!greedy) { score = score * inverse + gumbel(noise[k]); }
        best = better(best, score, v);
      }
    }
  }
  let sampled = rowBest(best, local);
  if (wanted < args.rows && lane == 0u && pos + 1u < args.T) {
    let to = row * args.T + pos + 1u;
    let inPrompt = pos + 1u < promptLength[row];
    let token = select(sampled, ids[to], inPrompt);
    ids[to] = token;
    logprob[to] = logits[at + min(token, V - 1u)] - m - logSum;
    current[row] = token;
    position[row] = pos + 1u;
  }
}
