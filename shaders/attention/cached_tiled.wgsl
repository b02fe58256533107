// formula: as attention/forward_tiled for one query per row, which sees the keys and values of its slot of the cache up to its own position
// in: qkv (R, (H + 2K) D) f32, q rotated; cache (S, T, 2, K, D) f32; slots, positions (R) u32; pins (R) vec2 of u32: pinLo, pinHi,
//     unread with pinned = 0
// out: o (R, H D) f32
// grid: one workgroup of 128 per query head of a row: `count` units from unit `first` on, unit n = r H + h
// cost: 4 R H min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error; equal to the full forward pass to 1e-6
// guard: o is 0 for rows with slots[r] >= S or positions[r] >= T; D a multiple of 4 up to 256
// 128 keys at a time: first a thread makes the score of each, then D / 4 threads sum the values, as many times over as there are threads.
struct Args { S: u32, T: u32, H: u32, K: u32, D: u32, W: u32, pinned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> cache: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> slots: array<u32>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> pins: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<f32>>;
//!include "lib/attention_mask.wgsl"
var<workgroup> query: array<vec4<f32>, 64>;
var<workgroup> score: array<f32, 128>;
var<workgroup> sums: array<vec4<f32>, 128>;
// first, pinStart, pinCount, keys in all
var<workgroup> reach: vec4<u32>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let D4 = args.D / 4u;
  let index = group.y * groups.x + group.x;
  if (index >= args.count) { return; }
  let n = args.first + index;
  let h = n % args.H;
  let row = n / args.H;
  let kv = h / (args.H / args.K);
  let slot = slots[row];
  if (local == 0u) {
    let i = positions[row];
    var pin = vec2<u32>(0u);
    if (args.pinned == 1u) { pin = pins[row]; }
    let seen = seenFrom(min(i, args.T - 1u), args.W, vec4<u32>(0u, 0u, pin));
    let count = select(seen.pinCount + i + 1u - seen.first, 0u, slot >= args.S || i >= args.T);
    reach = vec4<u32>(seen.first, seen.pinStart, seen.pinCount, count);
  }
  if (local < D4) { query[local] = qkv[(row * (args.H + 2u * args.K) + h) * D4 + local] * args.scale; }
  let seen = workgroupUniformLoad(&reach);
  let stride = 2u * args.K * D4;
  let kHead = slot * args.T * stride + kv * D4;
  let vHead = kHead + args.K * D4;
  let parts = 128u / D4;
  let part = local / D4;
  let d = local % D4;
  var sum = vec4<f32>(0.0);
  var m = -3.0e38;
  var l = 0.0;
  for (var t0 = 0u; t0 < seen.w; t0 += 128u) {
    let t = t0 + local;
    let j = select(seen.x + t - seen.z, seen.y + t, t < seen.z);
    var s = -3.0e38;
    if (t < seen.w) {
      s = 0.0;
      for (var e = 0u; e < D4; e++) { s += dot(query[e], cache[kHead + j * stride + e]); }
    }
    score[local] = s;
    workgroupBarrier();
    var next = m;
    for (var x = 0u; x < 128u; x++) { next = max(next, score[x]); }
    let shrink = exp(m - next);
    m = next;
    workgroupBarrier();
    let p = select(0.0, exp(s - m), t < seen.w);
    l = l * shrink + p;
    score[local] = p;
    workgroupBarrier();
    sum *= shrink;
    if (part < parts) {
      let end = min(128u, seen.w - t0);
      for (var x = part; x < end; x += parts) {
        let u = t0 + x;
        sum += score[x] * cache[vHead + select(seen.x + u - seen.z, seen.y + u, u < seen.z) * stride + d];
      }
    }
    workgroupBarrier();
  }
  score[local] = l;
  sums[local] = sum;
  workgroupBarrier();
  if (part > 0u) { return; }
  var total = 0.0;
  for (var x = 0u; x < 128u; x++) { total += score[x]; }
  for (var x = 1u; x < parts; x++) { sum += sums[x * D4 + d]; }
  o[n * D4 + d] = select(sum / total, vec4<f32>(0.0), seen.w == 0u);
}
