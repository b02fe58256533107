// formula: S_j = scale q_i . k_j over the keys that i sees; o_i = sum_j softmax(S)_j v_j by online softmax; L_i = logsumexp_j S_j
// in: qkv (B T, (H + 2K) D) f32, rotated; spans (B T) vec4 of u32, see lib/attention_mask, unread with spanned = 0
// out: o (B T, H D) f32; L (B H T) f32, saved for the backward pass
// grid: one thread per 4 neighbouring queries of a head: `count` units from unit `first` on, unit n = (b H + head) ceil(T / 4) + block of
//       queries; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 4 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; queries beyond the last are computed as the last and not written; D a multiple of 4
// For CPU adapters, where loads are what costs: the scores of 4 queries and 8 keys are made together, so that each load serves several of
// them, and the sums stay in o between blocks of keys. Scores never leave registers.
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_span.wgsl"
//!include "lib/attention_block.wgsl"

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let unit = (group.y * groups.x + group.x) * 16u + local;
  if (unit >= args.count) { return; }
  let D4 = args.D / 4u;
  let last = args.T - 1u;
  let blocks = (args.T + 3u) / 4u;
  let n = args.first + unit;
  let begin = n % blocks * 4u;
  let rows = min(4u, args.T - begin);
  let h = n / blocks % args.H;
  let b = n / (blocks * args.H);
  let base = b * args.T;
  let stride = (args.H + 2u * args.K) * D4;
  let kHead = (args.H + h / (args.H / args.K)) * D4;
  let i0 = begin;
  let i1 = min(begin + 1u, last);
  let i2 = min(begin + 2u, last);
  let i3 = min(begin + 3u, last);
  let seen0 = seenFrom(i0, args.W, spanOf(base + i0));
  let seen1 = seenFrom(i1, args.W, spanOf(base + i1));
  let seen2 = seenFrom(i2, args.W, spanOf(base + i2));
  let seen3 = seenFrom(i3, args.W, spanOf(base + i3));
  let q0At = (base + i0) * stride + h * D4;
  let q1At = (base + i1) * stride + h * D4;
  let q2At = (base + i2) * stride + h * D4;
  let q3At = (base + i3) * stride + h * D4;
  let o0At = ((base + i0) * args.H + h) * D4;
  let o1At = ((base + i1) * args.H + h) * D4;
  let o2At = ((base + i2) * args.H + h) * D4;
  let o3At = ((base + i3) * args.H + h) * D4;
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
  var pins = vec2<u32>(0xffffffffu, 0u);
  pins = joinPins(pins, seen0);
  pins = joinPins(pins, seen1);
  pins = joinPins(pins, seen2);
  pins = joinPins(pins, seen3);
  let start = seen0.first;
  pins = min(pins, vec2<u32>(start));
  let pinSteps = (max(pins.y, pins.x) - pins.x + 7u) / 8u;
  let steps = pinSteps + (i3 - start + 8u) / 8u;
  for (var t = 0u; t < steps; t++) {
    let pinned = t < pinSteps;
    let j = select(start + (t - pinSteps) * 8u, pins.x + t * 8u, pinned);
    let end = select(args.T, start, pinned);
    let k0At = (base + min(j + 0u, last)) * stride + kHead;
    let k1At = (base + min(j + 1u, last)) * stride + kHead;
    let k2At = (base + min(j + 2u, last)) * stride + kHead;
    let k3At = (base + min(j + 3u, last)) * stride + kHead;
    let k4At = (base + min(j + 4u, last)) * stride + kHead;
    let k5At = (base + min(j + 5u, last)) * stride + kHead;
    let k6At = (base + min(j + 6u, last)) * stride + kHead;
    let k7At = (base + min(j + 7u, last)) * stride + kHead;
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
      let k0 = qkv[k0At + d];
      let k1 = qkv[k1At + d];
      let k2 = qkv[k2At + d];
      let k3 = qkv[k3At + d];
      let k4 = qkv[k4At + d];
      let k5 = qkv[k5At + d];
      let k6 = qkv[k6At + d];
      let k7 = qkv[k7At + d];
      s0_0 += dots(q0, k0, k1, k2, k3);
      s0_1 += dots(q0, k4, k5, k6, k7);
      s1_0 += dots(q1, k0, k1, k2, k3);
      s1_1 += dots(q1, k4, k5, k6, k7);
      s2_0 += dots(q2, k0, k1, k2, k3);
      s2_1 += dots(q2, k4, k5, k6, k7);
      s3_0 += dots(q3, k0, k1, k2, k3);
      s3_1 += dots(q3, k4, k5, k6, k7);
    }
    let j0 = j + vec4<u32>(0u, 1u, 2u, 3u);
    let j1 = j + vec4<u32>(4u, 5u, 6u, 7u);
    let see0_0 = seesKeys(j0, min(i0 + 1u, end), seen0);
    let see0_1 = seesKeys(j1, min(i0 + 1u, end), seen0);
    let see1_0 = seesKeys(j0, min(i1 + 1u, end), seen1);
    let see1_1 = seesKeys(j1, min(i1 + 1u, end), seen1);
    let see2_0 = seesKeys(j0, min(i2 + 1u, end), seen2);
    let see2_1 = seesKeys(j1, min(i2 + 1u, end), seen2);
    let see3_0 = seesKeys(j0, min(i3 + 1u, end), seen3);
    let see3_1 = seesKeys(j1, min(i3 + 1u, end), seen3);
    s0_0 = select(vec4<f32>(-3.0e38), s0_0 * args.scale, see0_0);
    s0_1 = select(vec4<f32>(-3.0e38), s0_1 * args.scale, see0_1);
    let top0 = max(s0_0, s0_1);
    let next0 = max(m0, max(max(top0.x, top0.y), max(top0.z, top0.w)));
    let shrink0 = exp(m0 - next0);
    m0 = next0;
    let p0_0 = select(vec4<f32>(0.0), exp(s0_0 - next0), see0_0);
    let p0_1 = select(vec4<f32>(0.0), exp(s0_1 - next0), see0_1);
    l0 = l0 * shrink0 + dot(p0_0 + p0_1, vec4<f32>(1.0));
    s1_0 = select(vec4<f32>(-3.0e38), s1_0 * args.scale, see1_0);
    s1_1 = select(vec4<f32>(-3.0e38), s1_1 * args.scale, see1_1);
    let top1 = max(s1_0, s1_1);
    let next1 = max(m1, max(max(top1.x, top1.y), max(top1.z, top1.w)));
    let shrink1 = exp(m1 - next1);
    m1 = next1;
    let p1_0 = select(vec4<f32>(0.0), exp(s1_0 - next1), see1_0);
    let p1_1 = select(vec4<f32>(0.0), exp(s1_1 - next1), see1_1);
    l1 = l1 * shrink1 + dot(p1_0 + p1_1, vec4<f32>(1.0));
    s2_0 = select(vec4<f32>(-3.0e38), s2_0 * args.scale, see2_0);
    s2_1 = select(vec4<f32>(-3.0e38), s2_1 * args.scale, see2_1);
    let top2 = max(s2_0, s2_1);
    let next2 = max(m2, max(max(top2.x, top2.y), max(top2.z, top2.w)));
    let shrink2 = exp(m2 - next2);
    m2 = next2;
    let p2_0 = select(vec4<f32>(0.0), exp(s2_0 - next2), see2_0);
    let p2_1 = select(vec4<f32>(0.0), exp(s2_1 - next2), see2_1);
    l2 = l2 * shrink2 + dot(p2_0 + p2_1, vec4<f32>(1.0));
    s3_0 = select(vec4<f32>(-3.0e38), s3_0 * args.scale, see3_0);
    s3_1 = select(vec4<f32>(-3.0e38), s3_1 * args.scale, see3_1);
    let top3 = max(s3_0, s3_1);
    let next3 = max(m3, max(max(top3.x, top3.y), max(top3.z, top3.w)));
    let shrink3 = exp(m3 - next3);
    m3 = next3;
    let p3_0 = select(vec4<f32>(0.0), exp(s3_0 - next3), see3_0);
    let p3_1 = select(vec4<f32>(0.0), exp(s3_1 - next3), see3_1);
    l3 = l3 * shrink3 + dot(p3_0 + p3_1, vec4<f32>(1.0));
    for (var d = 0u; d < D4; d++) {
      let v0 = qkv[v0At + d];
      let v1 = qkv[v1At + d];
      let v2 = qkv[v2At + d];
      let v3 = qkv[v3At + d];
      let v4 = qkv[v4At + d];
      let v5 = qkv[v5At + d];
      let v6 = qkv[v6At + d];
      let v7 = qkv[v7At + d];
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
  L[(b * args.H + h) * args.T + i0] = m0 + log(l0);
  if (rows > 1u) { L[(b * args.H + h) * args.T + i1] = m1 + log(l1); }
  if (rows > 2u) { L[(b * args.H + h) * args.T + i2] = m2 + log(l2); }
  if (rows > 3u) { L[(b * args.H + h) * args.T + i3] = m3 + log(l3); }
}
