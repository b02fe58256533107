// formula: one step of the latent policy for each row. A row walks its script (prompt and lines). At a line's start it decides act or think:
//          codebook form: softmax over {act, think}; text form: Bernoulli(k'), k' = sigmoid(logit p(think token) + bias). A thought's content
//          is sampled (codebook: one id in [contentLo, contentHi); text: any id until contentEnd, which is forced after maxLatent tokens).
//          Then the line: forced tokens as they stand, sampled ones by softmax over [symbolLo, symbolHi). Temperature 1, Gumbel-max.
//          Codebook contents that are switched off are left out of their softmax; with thoughts off every decision is act.
// in: logits (rows, ld) f32; settings (16) u32: seed, stream, form (0 codebook, 1 text), act, think, contentLo, contentHi, contentEnd,
//     maxLatent, symbolLo, symbolHi, bias bits, 1 = thoughts off, 96 bits of contents off from contentLo on; script (B, S) vec2<u32>: token, flags (1 sampled, 2 starts a line, 4 prompt, 8 ends the row)
// out: state (8, stride) u32: position, current token, two lines of pairs (pinLo, pinHi), cursor, phase (0 script, 1 decided, 2 content), tokens
//      of the thought, done; ids (B, T) u32; role (B, T) u32 (0 prompt, 1 decision, 2 think, 3 content, 4 content end, 5 line; + 16 when the cap
//      forced it); record (B, T) vec4<f32> at the token's position: its log-probability under the softmax it was drawn from (forced: over all ids),
//      that softmax's entropy, and of a decision taken at this boundary its log-probability and entropy
// grid: LANES threads per row, 64 / LANES rows per workgroup
// cost: 30 rows V flops, 12 rows V bytes
// tolerance: token equal to the reference's, numbers to 1e-5
// guard: rows beyond the chunk are computed on its last row and not written; finished rows and rows at position T - 1 stay as they are
struct Args { rows: u32, firstRow: u32, V: u32, ld: u32, T: u32, S: u32, stride: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> settings: array<u32>;
@group(0) @binding(3) var<storage, read_write> script: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> state: array<u32>;
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;
@group(0) @binding(6) var<storage, read_write> role: array<u32>;
@group(0) @binding(7) var<storage, read_write> record: array<vec4<f32>>;
//!include "lib/reduce.wgsl"
//!include "lib/rng.wgsl"
//!include "lib/gumbel.wgsl"

fn isOff(id: u32) -> bool {
  let k = id - settings[5];
  return k < 96u && ((settings[13u + k / 32u] >> (k % 32u)) & 1u) == 1u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let wanted = group.x * (64u / LANES) + local / LANES;
  let r = min(wanted, args.rows - 1u);
  let row = args.firstRow + r;
  let at = r * args.ld;
  let lane = local % LANES;
  let pos = state[row];
  let cursor = state[4u * args.stride + row];
  let phase = state[5u * args.stride + row];
  let count = state[6u * args.stride + row];
  let done = state[7u * args.stride + row] == 1u || pos + 1u >= args.T;
  let text = settings[2] == 1u;
  let think = settings[4];
  let contentEnd = settings[7];
  let slot = script[row * args.S + min(cursor, args.S - 1u)];

  // what happens in this step, and over which ids
  let content = phase == 2u;
  let capped = content && text && count >= settings[8];
  let deciding = phase == 0u && (slot.y & 2u) != 0u;
  let lineSampled = !content && (slot.y & 1u) != 0u;
  var lo = 0u;
  var hi = args.V;
  if (content && !text) { lo = settings[5]; hi = settings[6]; }
  if (deciding && !text) { lo = min(settings[3], think); hi = max(settings[3], think) + 1u; }
  if (deciding && !text && settings[12] == 1u) {
    lo = settings[3];
    hi = lo + 1u;
  }
  let screened = content && !text;
  if (lineSampled && !(deciding && !text)) { lo = settings[9]; hi = settings[10]; }
  let draws = (content && !capped) || (deciding && !text) || lineSampled;

  var m = -3.0e38;
  for (var v = lo + lane; v < hi; v += LANES) { if (!(screened && isOff(v))) { m = max(m, logits[at + v]); } }
  m = rowMax(m, local);
  var sum = 0.0;
  var dotted = 0.0;
  for (var v = lo + lane; v < hi; v += LANES) {
    if (screened && isOff(v)) { continue; }
    let x = logits[at + v] - m;
    let e = exp(x);
    sum += e;
    dotted += e * x;
  }
  sum = rowSum(sum, local);
  dotted = rowSum(dotted, local);
  let logSum = log(sum);
  let spread = logSum - dotted / sum;

  let key = vec2<u32>(settings[0], settings[1]);
  var best = Best(-3.0e38, lo);
  if (draws) {
    for (var v4 = lo / 4u + lane; v4 * 4u < hi; v4 += LANES) {
      let noise = philox(key, vec4<u32>(pos, row, v4, 0u));
      for (var k = 0u; k < 4u; k++) {
        let v = v4 * 4u + k;
        if (v >= lo && v < hi && !(screened && isOff(v))) { best = better(best, logits[at + v] + gumbel(noise[k]), v); }
      }
    }
  }
  let sampled = rowBest(best, local);

  if (wanted >= args.rows || lane != 0u || done) { return; }
  var token = slot.x;
  var kind = select(5u, 0u, (slot.y & 4u) != 0u);
  var nextPhase = 0u;
  var nextCursor = cursor;
  var nextCount = count;
  var decision = vec2<f32>(0.0);
  var fromScript = !content;
  if (deciding) {
    if (text) {
      let lpThink = logits[at + think] - m - logSum;
      let logit = lpThink - log(max(1.0 - exp(lpThink), 1.0e-7)) + bitcast<f32>(settings[11]);
      let k = 1.0 / (1.0 + exp(-logit));
      let logYes = min(logit, 0.0) - log(1.0 + exp(-abs(logit)));
      let logNo = logYes - logit;
      let u = unitFloat(philox(key, vec4<u32>(pos, row, 0u, 1u)).x);
      let yes = u < k;
      decision = vec2<f32>(select(logNo, logYes, yes), -(k * logYes + (1.0 - k) * logNo));
      if (yes) {
        token = think;
        kind = 2u;
        nextPhase = 2u;
        nextCount = 0u;
        fromScript = false;
      }
    } else {
      token = sampled;
      kind = 1u;
      nextPhase = select(1u, 2u, sampled == think);
      nextCount = 0u;
      fromScript = false;
      decision = vec2<f32>(logits[at + token] - m - logSum, spread);
    }
  } else if (content) {
    token = select(sampled, contentEnd, capped);
    kind = select(select(3u, 4u, text && token == contentEnd), 20u, capped);
    nextCount = count + 1u;
    nextPhase = select(2u, 1u, !text || token == contentEnd);
  }
  if (fromScript) {
    if (lineSampled) { token = sampled; }
    nextPhase = 0u;
    nextCursor = cursor + 1u;
    if ((slot.y & 8u) != 0u) { state[7u * args.stride + row] = 1u; }
  }
  let to = row * args.T + pos + 1u;
  ids[to] = token;
  role[to] = kind;
  record[to] = vec4<f32>(logits[at + min(token, args.V - 1u)] - m - logSum, spread, decision);
  if (kind == 3u) {
    if (count == 0u) { state[2u * args.stride + 2u * row] = pos + 1u; }
    state[2u * args.stride + 2u * row + 1u] = pos + 2u;
  }
  // an empty thought is the latest one: nothing stays pinned
  if (content && count == 0u && kind != 3u) { state[2u * args.stride + 2u * row + 1u] = 0u; }
  state[row] = pos + 1u;
  state[args.stride + row] = token;
  state[4u * args.stride + row] = nextCursor;
  state[5u * args.stride + row] = nextPhase;
  state[6u * args.stride + row] = nextCount;
}
