// formula: as attention/forward_blocks for one query per row, which sees the keys and values of its slot of the cache up to its own
//          position
// in: qkv (R, (H + 2K) D) f32, q rotated; cache (S, T, 2, K, D) f32; slots, positions (R) u32; pins (R) vec2 of u32: pinLo, pinHi,
//     unread with pinned = 0
// out: o (R, H D) f32
// grid: one thread per 4 query heads of a group: `count` units from unit `first` on, unit n = (r K + k) ceil(H / K / 4) + block of heads;
//       workgroups of 4, no workgroup memory, no barrier
// cost: 4 R H min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error; equal to the full forward pass to 1e-6
// guard: threads beyond the last unit do nothing; heads beyond the last are computed as the last and not written; o is 0 for rows with
//        slots[r] >= S or positions[r] >= T; D a multiple of 4
// For CPU adapters, where loads are what costs: 4 heads that share keys and values and 8 keys are taken together, so that each load serves
// several scores, and the sums stay in o between blocks of keys. Small workgroups, for there are few units.
struct Args { S: u32, T: u32, H: u32, K: u32, D: u32, W: u32, pinned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> cache: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> slots: array<u32>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> pins: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<f32>>;
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_block.wgsl"

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let unit = (group.y * groups.x + group.x) * 4u + local;
  if (unit >= args.count) { return; }
  let D4 = args.D / 4u;
  let perGroup = args.H / args.K;
  let blocks = (perGroup + 3u) / 4u;
  let n = args.first + unit;
  let begin = n % blocks * 4u;
  let rows = min(4u, perGroup - begin);
  let kv = n / blocks % args.K;
  let row = n / (blocks * args.K);
  let slot = slots[row];
  let i = positions[row];
  let h = kv * perGroup + begin;
  let h0 = h + min(0u, rows - 1u);
  let h1 = h + min(1u, rows - 1u);
  let h2 = h + min(2u, rows - 1u);
  let h3 = h + min(3u, rows - 1u);
  let q0At = (row * (args.H + 2u * args.K) + h0) * D4;
  let q1At = (row * (args.H + 2u * args.K) + h1) * D4;
  let q2At = (row * (args.H + 2u * args.K) + h2) * D4;
  let q3At = (row * (args.H + 2u * args.K) + h3) * D4;
  let o0At = (row * args.H + h0) * D4;
  let o1At = (row * args.H + h1) * D4;
  let o2At = (row * args.H + h2) * D4;
  let o3At = (row * args.H + h3) * D4;
  if (slot >= args.S || i >= args.T) {
    for (var d = 0u; d < D4; d++) {
      o[o0At + d] = vec4<f32>(0.0);
      if (rows > 1u) { o[o1At + d] = vec4<f32>(0.0); }
      if (rows > 2u) { o[o2At + d] = vec4<f32>(0.0); }
      if (rows > 3u) { o[o3At + d] = vec4<f32>(0.0); }
    }
    return;
  }
  var pin = vec2<u32>(0u);
  if (args.pinned == 1u) { pin = pins[row]; }
  let seen = seenFrom(i, args.W, vec4<u32>(0u, 0u, pin));
  let stride = 2u * args.K * D4;
  let kHead = slot * args.T * stride + kv * D4;
  var m0 = -3.0e38;
  var l0 = 0.0;
  var m1 = -3.0e38;
  var l1 = 0.0;
  var m2 = -3.0e38;
  var l2 = 0.0;
  var m3 = -3.0e38;
  var l3 = 0.0;
  for (var d = 0u; d < D4; d++) {
    o[o0At + d] = vec4<f32>(0.0);
    if (rows > 1u) { o[o1At + d] = vec4<f32>(0.0); }
    if (rows > 2u) { o[o2At + d] = vec4<f32>(0.0); }
    if (rows > 3u) { o[o3At + d] = vec4<f32>(0.0); }
  }
  let pinSteps = (seen.pinCount + 7u) / 8u;
  let steps = pinSteps + (i - seen.first + 8u) / 8u;
  for (var t = 0u; t < steps; t++) {
    let pinned = t < pinSteps;
    let j = select(seen.first + (t - pinSteps) * 8u, seen.pinStart + t * 8u, pinned);
    let end = select(i + 1u, seen.pinStart + seen.pinCount, pinned);
    let k0At = kHead + min(j + 0u, i) * stride;
    let k1At = kHead + min(j + 1u, i) * stride;
    let k2At = kHead + min(j + 2u, i) * stride;
    let k3At = kHead + min(j + 3u, i) * stride;
    let k4At = kHead + min(j + 4u, i) * stride;
    let k5At = kHead + min(j + 5u, i) * stride;
    let k6At = kHead + min(j + 6u, i) * stride;
    let k7At = kHead + min(j + 7u, i) * stride;
    let v0At = k0At + args.K * D4;
    let v1At = k1At + args.K * D4;
    let v2At = k2At + args.K * D4;
    let v3At = k3At + args.K * D4;
    let v4At = k4At + args.K * D4;
    let v5At = k5At + args.K * D4;
    let v6At = k6At + args.K * D4;
    let v7At = k7At + args.K * D4;
    var s0_0 = vec4<f32>(0.0);
    var s0_1 = vec4<f32>(0.0);
    var s1_0 = vec4<f32>(0.0);
    var s1_1 = vec4<f32>(0.0);
    var s2_0 = vec4<f32>(0.0);
    var s2_1 = vec4<f32>(0.0);
    var s3_0 = vec4<f32>(0.0);
    var s3_1 = vec4<f32>(0.0);
    for (var d = 0u; d < D4; d++) {
      let q0 = qkv[q0At + d];
      let q1 = qkv[q1At + d];
      let q2 = qkv[q2At + d];
      let q3 = qkv[q3At + d];
      let k0 = cache[k0At + d];
      let k1 = cache[k1At + d];
      let k2 = cache[k2At + d];
      let k3 = cache[k3At + d];
      let k4 = cache[k4At + d];
      let k5 = cache[k5At + d];
      let k6 = cache[k6At + d];
      let k7 = cache[k7At + d];
      s0_0 += dots(q0, k0, k1, k2, k3);
      s0_1 += dots(q0, k4, k5, k6, k7);
      s1_0 += dots(q1, k0, k1, k2, k3);
      s1_1 += dots(q1, k4, k5, k6, k7);
      s2_0 += dots(q2, k0, k1, k2, k3);
      s2_1 += dots(q2, k4, k5, k6, k7);
      s3_0 += dots(q3, k0, k1, k2, k3);
      s3_1 += dots(q3, k4, k5, k6, k7);
    }
    let see_0 = j + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(end);
    let see_1 = j + vec4<u32>(4u, 5u, 6u, 7u) < vec4<u32>(end);
    s0_0 = select(vec4<f32>(-3.0e38), s0_0 * args.scale, see_0);
    s0_1 = select(vec4<f32>(-3.0e38), s0_1 * args.scale, see_1);
    let top0 = max(s0_0, s0_1);
    let next0 = max(m0, max(max(top0.x, top0.y), max(top0.z, top0.w)));
    let shrink0 = exp(m0 - next0);
    m0 = next0;
    let p0_0 = select(vec4<f32>(0.0), exp(s0_0 - next0), see_0);
    let p0_1 = select(vec4<f32>(0.0), exp(s0_1 - next0), see_1);
    l0 = l0 * shrink0 + dot(p0_0 + p0_1, vec4<f32>(1.0));
    s1_0 = select(vec4<f32>(-3.0e38), s1_0 * args.scale, see_0);
    s1_1 = select(vec4<f32>(-3.0e38), s1_1 * args.scale, see_1);
    let top1 = max(s1_0, s1_1);
    let next1 = max(m1, max(max(top1.x, top1.y), max(top1.z, top1.w)));
    let shrink1 = exp(m1 - next1);
    m1 = next1;
    let p1_0 = select(vec4<f32>(0.0), exp(s1_0 - next1), see_0);
    let p1_1 = select(vec4<f32>(0.0), exp(s1_1 - next1), see_1);
    l1 = l1 * shrink1 + dot(p1_0 + p1_1, vec4<f32>(1.0));
    s2_0 = select(vec4<f32>(-3.0e38), s2_0 * args.scale, see_0);
    s2_1 = select(vec4<f32>(-3.0e38), s2_1 * args.scale, see_1);
    let top2 = max(s2_0, s2_1);
    let next2 = max(m2, max(max(top2.x, top2.y), max(top2.z, top2.w)));
    let shrink2 = exp(m2 - next2);
    m2 = next2;
    let p2_0 = select(vec4<f32>(0.0), exp(s2_0 - next2), see_0);
    let p2_1 = select(vec4<f32>(0.0), exp(s2_1 - next2), see_1);
    l2 = l2 * shrink2 + dot(p2_0 + p2_1, vec4<f32>(1.0));
    s3_0 = select(vec4<f32>(-3.0e38), s3_0 * args.scale, see_0);
    s3_1 = select(vec4<f32>(-3.0e38), s3_1 * args.scale, see_1);
    let top3 = max(s3_0, s3_1);
    let next3 = max(m3, max(max(top3.x, top3.y), max(top3.z, top3.w)));
    let shrink3 = exp(m3 - next3);
    m3 = next3;
    let p3_0 = select(vec4<f32>(0.0), exp(s3_0 - next3), see_0);
    let p3_1 = select(vec4<f32>(0.0), exp(s3_1 - next3), see_1);
    l3 = l3 * shrink3 + dot(p3_0 + p3_1, vec4<f32>(1.0));
    for (var d = 0u; d < D4; d++) {
      let v0 = cache[v0At + d];
      let v1 = cache[v1At + d];
      let v2 = cache[v2At + d];
      let v3 = cache[v3At + d];
      let v4 = cache[v4At + d];
      let v5 = cache[v5At + d];
      let v6 = cache[v6At + d];
      let v7 = cache[v7At + d];
      o[o0At + d] = o[o0At + d] * shrink0 + weigh(p0_0, v0, v1, v2, v3) + weigh(p0_1, v4, v5, v6, v7);
      if (rows > 1u) { o[o1At + d] = o[o1At + d] * shrink1 + weigh(p1_0, v0, v1, v2, v3) + weigh(p1_1, v4, v5, v6, v7); }
      if (rows > 2u) { o[o2At + d] = o[o2At + d] * shrink2 + weigh(p2_0, v0, v1, v2, v3) + weigh(p2_1, v4, v5, v6, v7); }
      if (rows > 3u) { o[o3At + d] = o[o3At + d] * shrink3 + weigh(p3_0, v0, v1, v2, v3) + weigh(p3_1, v4, v5, v6, v7); }
    }
  }
  for (var d = 0u; d < D4; d++) {
    o[o0At + d] /= l0;
    if (rows > 1u) { o[o1At + d] /= l1; }
    if (rows > 2u) { o[o2At + d] /= l2; }
    if (rows > 3u) { o[o3At + d] /= l3; }
  }
}
