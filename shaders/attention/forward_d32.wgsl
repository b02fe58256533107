// formula: S_j = scale q_i . k_j over the keys that i sees; o_i = sum_j softmax(S)_j v_j by online softmax; L_i = logsumexp_j S_j
// in: qkv (B T, (H + 2K) D) f32, rotated; spans (B T) vec4 of u32, see lib/attention_mask, unread with spanned = 0
// out: o (B T, H D) f32; L (B H T) f32, saved for the backward pass
// grid: one thread per 2 neighbouring queries of a head: `count` units from unit `first` on, unit n = (b H + head) ceil(T / 2) + block of
//       queries; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 4 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; queries beyond the last are computed as the last and not written; D = 32
// For CPU adapters, which keep private arrays in memory: the whole head in 8 named vec4, and each load serves 2 queries.
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
  let blocks = (args.T + 1u) / 2u;
  let n = args.first + unit;
  let begin = n % blocks * 2u;
  let rows = min(2u, args.T - begin);
  let h = n / blocks % args.H;
  let b = n / (blocks * args.H);
  let base = b * args.T;
  let stride = (args.H + 2u * args.K) * 8u;
  let kHead = (args.H + h / (args.H / args.K)) * 8u;
  let i0 = begin;
  let i1 = min(begin + 1u, last);
  let seen0 = seenFrom(i0, args.W, spanOf(base + i0));
  let seen1 = seenFrom(i1, args.W, spanOf(base + i1));
  let q0At = (base + i0) * stride + h * 8u;
  let q1At = (base + i1) * stride + h * 8u;
  let o0At = ((base + i0) * args.H + h) * 8u;
  let o1At = ((base + i1) * args.H + h) * 8u;
  var m0 = -3.0e38;
  var l0 = 0.0;
  let q0_0 = qkv[q0At + 0u] * args.scale;
  let q0_1 = qkv[q0At + 1u] * args.scale;
  let q0_2 = qkv[q0At + 2u] * args.scale;
  let q0_3 = qkv[q0At + 3u] * args.scale;
  let q0_4 = qkv[q0At + 4u] * args.scale;
  let q0_5 = qkv[q0At + 5u] * args.scale;
  let q0_6 = qkv[q0At + 6u] * args.scale;
  let q0_7 = qkv[q0At + 7u] * args.scale;
  var o0_0 = vec4<f32>(0.0);
  var o0_1 = vec4<f32>(0.0);
  var o0_2 = vec4<f32>(0.0);
  var o0_3 = vec4<f32>(0.0);
  var o0_4 = vec4<f32>(0.0);
  var o0_5 = vec4<f32>(0.0);
  var o0_6 = vec4<f32>(0.0);
  var o0_7 = vec4<f32>(0.0);
  var m1 = -3.0e38;
  var l1 = 0.0;
  let q1_0 = qkv[q1At + 0u] * args.scale;
  let q1_1 = qkv[q1At + 1u] * args.scale;
  let q1_2 = qkv[q1At + 2u] * args.scale;
  let q1_3 = qkv[q1At + 3u] * args.scale;
  let q1_4 = qkv[q1At + 4u] * args.scale;
  let q1_5 = qkv[q1At + 5u] * args.scale;
  let q1_6 = qkv[q1At + 6u] * args.scale;
  let q1_7 = qkv[q1At + 7u] * args.scale;
  var o1_0 = vec4<f32>(0.0);
  var o1_1 = vec4<f32>(0.0);
  var o1_2 = vec4<f32>(0.0);
  var o1_3 = vec4<f32>(0.0);
  var o1_4 = vec4<f32>(0.0);
  var o1_5 = vec4<f32>(0.0);
  var o1_6 = vec4<f32>(0.0);
  var o1_7 = vec4<f32>(0.0);
  var pins = vec2<u32>(0xffffffffu, 0u);
  pins = joinPins(pins, seen0);
  pins = joinPins(pins, seen1);
  let start = seen0.first;
  pins = min(pins, vec2<u32>(start));
  let pinCount = max(pins.y, pins.x) - pins.x;
  let count = pinCount + i1 + 1u - start;
  for (var t = 0u; t < count; t++) {
    let j = select(start + t - pinCount, pins.x + t, t < pinCount);
    let kAt = (base + j) * stride + kHead;
    let vAt = kAt + args.K * 8u;
    let k0 = qkv[kAt + 0u];
    let k1 = qkv[kAt + 1u];
    let k2 = qkv[kAt + 2u];
    let k3 = qkv[kAt + 3u];
    let k4 = qkv[kAt + 4u];
    let k5 = qkv[kAt + 5u];
    let k6 = qkv[kAt + 6u];
    let k7 = qkv[kAt + 7u];
    let v0 = qkv[vAt + 0u];
    let v1 = qkv[vAt + 1u];
    let v2 = qkv[vAt + 2u];
    let v3 = qkv[vAt + 3u];
    let v4 = qkv[vAt + 4u];
    let v5 = qkv[vAt + 5u];
    let v6 = qkv[vAt + 6u];
    let v7 = qkv[vAt + 7u];
    let s0 = dot(q0_0, k0) + dot(q0_1, k1) + dot(q0_2, k2) + dot(q0_3, k3) + dot(q0_4, k4) + dot(q0_5, k5) + dot(q0_6, k6)
      + dot(q0_7, k7);
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
    o0_4 = o0_4 * shrink0 + p0 * v4;
    o0_5 = o0_5 * shrink0 + p0 * v5;
    o0_6 = o0_6 * shrink0 + p0 * v6;
    o0_7 = o0_7 * shrink0 + p0 * v7;
    let s1 = dot(q1_0, k0) + dot(q1_1, k1) + dot(q1_2, k2) + dot(q1_3, k3) + dot(q1_4, k4) + dot(q1_5, k5) + dot(q1_6, k6)
      + dot(q1_7, k7);
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
    o1_4 = o1_4 * shrink1 + p1 * v4;
    o1_5 = o1_5 * shrink1 + p1 * v5;
    o1_6 = o1_6 * shrink1 + p1 * v6;
    o1_7 = o1_7 * shrink1 + p1 * v7;
  }
  o[o0At + 0u] = o0_0 / l0;
  o[o0At + 1u] = o0_1 / l0;
  o[o0At + 2u] = o0_2 / l0;
  o[o0At + 3u] = o0_3 / l0;
  o[o0At + 4u] = o0_4 / l0;
  o[o0At + 5u] = o0_5 / l0;
  o[o0At + 6u] = o0_6 / l0;
  o[o0At + 7u] = o0_7 / l0;
  L[(b * args.H + h) * args.T + i0] = m0 + log(l0);
  if (rows > 1u) {
    o[o1At + 0u] = o1_0 / l1;
    o[o1At + 1u] = o1_1 / l1;
    o[o1At + 2u] = o1_2 / l1;
    o[o1At + 3u] = o1_3 / l1;
    o[o1At + 4u] = o1_4 / l1;
    o[o1At + 5u] = o1_5 / l1;
    o[o1At + 6u] = o1_6 / l1;
    o[o1At + 7u] = o1_7 / l1;
    L[(b * args.H + h) * args.T + i1] = m1 + log(l1);
  }
}
