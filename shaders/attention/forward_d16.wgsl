// formula: S_j = scale q_i . k_j over the keys that i sees; o_i = sum_j softmax(S)_j v_j by online softmax; L_i = logsumexp_j S_j
// in: qkv (B T, (H + 2K) D) f32, rotated; spans (B T) vec4 of u32, see lib/attention_mask, unread with spanned = 0
// out: o (B T, H D) f32; L (B H T) f32, saved for the backward pass
// grid: one thread per 4 neighbouring queries of a head: `count` units from unit `first` on, unit n = (b H + head) ceil(T / 4) + block of
//       queries; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 4 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; queries beyond the last are computed as the last and not written; D = 16
// For CPU adapters, which keep private arrays in memory: the whole head in 4 named vec4, and each load serves 4 queries.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_span.wgsl"

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let unit = (group.y * groups.x + group.x) * 16u + local;
  if (unit >= args.count) { return; }
  let last = args.T - 1u;
  let blocks = (args.T + 3u) / 4u;
  let n = args.first + unit;
  let begin = n % blocks * 4u;
  let rows = min(4u, args.T - begin);
  let h = n / blocks % args.H;
  let b = n / (blocks * args.H);
  let base = b * args.T;
  let stride = (args.H + 2u * args.K) * 4u;
  let kHead = (args.H + h / (args.H / args.K)) * 4u;
  let i0 = begin;
  let i1 = min(begin + 1u, last);
  let i2 = min(begin + 2u, last);
  let i3 = min(begin + 3u, last);
  let seen0 = seenFrom(i0, args.W, spanOf(base + i0));
  let seen1 = seenFrom(i1, args.W, spanOf(base + i1));
  let seen2 = seenFrom(i2, args.W, spanOf(base + i2));
  let seen3 = seenFrom(i3, args.W, spanOf(base + i3));
  let q0At = (base + i0) * stride + h * 4u;
  let q1At = (base + i1) * stride + h * 4u;
  let q2At = (base + i2) * stride + h * 4u;
  let q3At = (base + i3) * stride + h * 4u;
  let o0At = ((base + i0) * args.H + h) * 4u;
  let o1At = ((base + i1) * args.H + h) * 4u;
  let o2At = ((base + i2) * args.H + h) * 4u;
  let o3At = ((base + i3) * args.H + h) * 4u;
  var m0 = -3.0e38;
  var l0 = 0.0;
  let q0_0 = qkv[q0At + 0u] * args.scale;
  let q0_1 = qkv[q0At + 1u] * args.scale;
  let q0_2 = qkv[q0At + 2u] * args.scale;
  let q0_3 = qkv[q0At + 3u] * args.scale;
  var o0_0 = vec4<f32>(0.0);
  var o0_1 = vec4<f32>(0.0);
  var o0_2 = vec4<f32>(0.0);
  var o0_3 = vec4<f32>(0.0);
  var m1 = -3.0e38;
  var l1 = 0.0;
  let q1_0 = qkv[q1At + 0u] * args.scale;
  let q1_1 = qkv[q1At + 1u] * args.scale;
  let q1_2 = qkv[q1At + 2u] * args.scale;
  let q1_3 = qkv[q1At + 3u] * args.scale;
  var o1_0 = vec4<f32>(0.0);
  var o1_1 = vec4<f32>(0.0);
  var o1_2 = vec4<f32>(0.0);
  var o1_3 = vec4<f32>(0.0);
  var m2 = -3.0e38;
  var l2 = 0.0;
  let q2_0 = qkv[q2At + 0u] * args.scale;
  let q2_1 = qkv[q2At + 1u] * args.scale;
  let q2_2 = qkv[q2At + 2u] * args.scale;
  let q2_3 = qkv[q2At + 3u] * args.scale;
  var o2_0 = vec4<f32>(0.0);
  var o2_1 = vec4<f32>(0.0);
  var o2_2 = vec4<f32>(0.0);
  var o2_3 = vec4<f32>(0.0);
  var m3 = -3.0e38;
  var l3 = 0.0;
  let q3_0 = qkv[q3At + 0u] * args.scale;
  let q3_1 = qkv[q3At + 1u] * args.scale;
  let q3_2 = qkv[q3At + 2u] * args.scale;
  let q3_3 = qkv[q3At + 3u] * args.scale;
  var o3_0 = vec4<f32>(0.0);
  var o3_1 = vec4<f32>(0.0);
  var o3_2 = vec4<f32>(0.0);
  var o3_3 = vec4<f32>(0.0);
  var pins = vec2<u32>(0xffffffffu, 0u);
  pins = joinPins(pins, seen0);
  pins = joinPins(pins, seen1);
  pins = joinPins(pins, seen2);
  pins = joinPins(pins, seen3);
  let start = seen0.first;
  pins = min(pins, vec2<u32>(start));
  let pinCount = max(pins.y, pins.x) - pins.x;
  let count = pinCount + i3 + 1u - start;
  for (var t = 0u; t < count; t++) {
    let j = select(start + t - pinCount, pins.x + t, t < pinCount);
    let kAt = (base + j) * stride + kHead;
    let vAt = kAt + args.K * 4u;
    let k0 = qkv[kAt + 0u];
    let k1 = qkv[kAt + 1u];
    let k2 = qkv[kAt + 2u];
    let k3 = qkv[kAt + 3u];
    let v0 = qkv[vAt + 0u];
    let v1 = qkv[vAt + 1u];
    let v2 = qkv[vAt + 2u];
    let v3 = qkv[vAt + 3u];
    let s0 = dot(q0_0, k0) + dot(q0_1, k1) + dot(q0_2, k2) + dot(q0_3, k3);
    let see0 = sees(j, i0, seen0);
    let next0 = select(m0, max(m0, s0), see0);
    let shrink0 = exp(m0 - next0);
    let p0 = select(0.0, exp(s0 - next0), see0);
    l0 = l0 * shrink0 + p0;
    m0 = next0;
    o0_0 = o0_0 * shrink0 + p0 * v0;
    o0_1 = o0_1 * shrink0 + p0 * v1;
    o0_2 = o0_2 * shrink0 + p0 * v2;
    o0_3 = o0_3 * shrink0 + p0 * v3;
    let s1 = dot(q1_0, k0) + dot(q1_1, k1) + dot(q1_2, k2) + dot(q1_3, k3);
    let see1 = sees(j, i1, seen1);
    let next1 = select(m1, max(m1, s1), see1);
    let shrink1 = exp(m1 - next1);
    let p1 = select(0.0, exp(s1 - next1), see1);
    l1 = l1 * shrink1 + p1;
    m1 = next1;
    o1_0 = o1_0 * shrink1 + p1 * v0;
    o1_1 = o1_1 * shrink1 + p1 * v1;
    o1_2 = o1_2 * shrink1 + p1 * v2;
    o1_3 = o1_3 * shrink1 + p1 * v3;
    let s2 = dot(q2_0, k0) + dot(q2_1, k1) + dot(q2_2, k2) + dot(q2_3, k3);
    let see2 = sees(j, i2, seen2);
    let next2 = select(m2, max(m2, s2), see2);
    let shrink2 = exp(m2 - next2);
    let p2 = select(0.0, exp(s2 - next2), see2);
    l2 = l2 * shrink2 + p2;
    m2 = next2;
    o2_0 = o2_0 * shrink2 + p2 * v0;
    o2_1 = o2_1 * shrink2 + p2 * v1;
    o2_2 = o2_2 * shrink2 + p2 * v2;
    o2_3 = o2_3 * shrink2 + p2 * v3;
    let s3 = dot(q3_0, k0) + dot(q3_1, k1) + dot(q3_2, k2) + dot(q3_3, k3);
    let see3 = sees(j, i3, seen3);
    let next3 = select(m3, max(m3, s3), see3);
    let shrink3 = exp(m3 - next3);
    let p3 = select(0.0, exp(s3 - next3), see3);
    l3 = l3 * shrink3 + p3;
    m3 = next3;
    o3_0 = o3_0 * shrink3 + p3 * v0;
    o3_1 = o3_1 * shrink3 + p3 * v1;
    o3_2 = o3_2 * shrink3 + p3 * v2;
    o3_3 = o3_3 * shrink3 + p3 * v3;
  }
  o[o0At + 0u] = o0_0 / l0;
  o[o0At + 1u] = o0_1 / l0;
  o[o0At + 2u] = o0_2 / l0;
  o[o0At + 3u] = o0_3 / l0;
  L[(b * args.H + h) * args.T + i0] = m0 + log(l0);
  if (rows > 1u) {
    o[o1At + 0u] = o1_0 / l1;
    o[o1At + 1u] = o1_1 / l1;
    o[o1At + 2u] = o1_2 / l1;
    o[o1At + 3u] = o1_3 / l1;
    L[(b * args.H + h) * args.T + i1] = m1 + log(l1);
  }
  if (rows > 2u) {
    o[o2At + 0u] = o2_0 / l2;
    o[o2At + 1u] = o2_1 / l2;
    o[o2At + 2u] = o2_2 / l2;
    o[o2At + 3u] = o2_3 / l2;
    L[(b * args.H + h) * args.T + i2] = m2 + log(l2);
  }
  if (rows > 3u) {
    o[o3At + 0u] = o3_0 / l3;
    o[o3At + 1u] = o3_1 / l3;
    o[o3At + 2u] = o3_2 / l3;
    o[o3At + 3u] = o3_3 / l3;
    L[(b * args.H + h) * args.T + i3] = m3 + log(l3);
  }
}
