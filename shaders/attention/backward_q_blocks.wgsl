// formula: delta_i = do_i . o_i; P_j = exp(S_j - L_i) recomputed; dq_i = scale sum_j P_j (do_i . v_j - delta_i) k_j
// in: qkv (B T, (H + 2K) D) f32, rotated; o, dO (B T, H D) f32; L (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the q part written; delta (B H T) f32 for the key and value pass
// grid: one thread per 4 neighbouring queries of a head: `count` units from unit `first` on, unit n = (b H + head) ceil(T / 4) + block of
//       queries; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 6 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; queries beyond the last are computed as the last and not written; D a multiple of 4
// For CPU adapters, where loads are what costs: 4 queries and 8 keys are taken together, so that each load serves several pairs, and the
// sums stay in dqkv between blocks of keys.
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;
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
  let n0 = (b * args.H + h) * args.T + i0;
  let L0 = L[n0];
  var delta0 = 0.0;
  let n1 = (b * args.H + h) * args.T + i1;
  let L1 = L[n1];
  var delta1 = 0.0;
  let n2 = (b * args.H + h) * args.T + i2;
  let L2 = L[n2];
  var delta2 = 0.0;
  let n3 = (b * args.H + h) * args.T + i3;
  let L3 = L[n3];
  var delta3 = 0.0;
  for (var d = 0u; d < D4; d++) {
    delta0 += dot(dO[o0At + d], o[o0At + d]);
    delta1 += dot(dO[o1At + d], o[o1At + d]);
    delta2 += dot(dO[o2At + d], o[o2At + d]);
    delta3 += dot(dO[o3At + d], o[o3At + d]);
    dqkv[q0At + d] = vec4<f32>(0.0);
    if (rows > 1u) { dqkv[q1At + d] = vec4<f32>(0.0); }
    if (rows > 2u) { dqkv[q2At + d] = vec4<f32>(0.0); }
    if (rows > 3u) { dqkv[q3At + d] = vec4<f32>(0.0); }
  }
  delta[n0] = delta0;
  if (rows > 1u) { delta[n1] = delta1; }
  if (rows > 2u) { delta[n2] = delta2; }
  if (rows > 3u) { delta[n3] = delta3; }
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
    var dp0_0 = vec4<f32>(0.0);
    var s0_1 = vec4<f32>(0.0);
    var dp0_1 = vec4<f32>(0.0);
    var s1_0 = vec4<f32>(0.0);
    var dp1_0 = vec4<f32>(0.0);
    var s1_1 = vec4<f32>(0.0);
    var dp1_1 = vec4<f32>(0.0);
    var s2_0 = vec4<f32>(0.0);
    var dp2_0 = vec4<f32>(0.0);
    var s2_1 = vec4<f32>(0.0);
    var dp2_1 = vec4<f32>(0.0);
    var s3_0 = vec4<f32>(0.0);
    var dp3_0 = vec4<f32>(0.0);
    var s3_1 = vec4<f32>(0.0);
    var dp3_1 = vec4<f32>(0.0);
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
    for (var d = 0u; d < D4; d++) {
      let e0 = dO[o0At + d];
      let e1 = dO[o1At + d];
      let e2 = dO[o2At + d];
      let e3 = dO[o3At + d];
      let v0 = qkv[v0At + d];
      let v1 = qkv[v1At + d];
      let v2 = qkv[v2At + d];
      let v3 = qkv[v3At + d];
      let v4 = qkv[v4At + d];
      let v5 = qkv[v5At + d];
      let v6 = qkv[v6At + d];
      let v7 = qkv[v7At + d];
      dp0_0 += dots(e0, v0, v1, v2, v3);
      dp0_1 += dots(e0, v4, v5, v6, v7);
      dp1_0 += dots(e1, v0, v1, v2, v3);
      dp1_1 += dots(e1, v4, v5, v6, v7);
      dp2_0 += dots(e2, v0, v1, v2, v3);
      dp2_1 += dots(e2, v4, v5, v6, v7);
      dp3_0 += dots(e3, v0, v1, v2, v3);
      dp3_1 += dots(e3, v4, v5, v6, v7);
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
    let ds0_0 = select(vec4<f32>(0.0), exp(s0_0 * args.scale - L0) * (dp0_0 - delta0) * args.scale, see0_0);
    let ds0_1 = select(vec4<f32>(0.0), exp(s0_1 * args.scale - L0) * (dp0_1 - delta0) * args.scale, see0_1);
    let ds1_0 = select(vec4<f32>(0.0), exp(s1_0 * args.scale - L1) * (dp1_0 - delta1) * args.scale, see1_0);
    let ds1_1 = select(vec4<f32>(0.0), exp(s1_1 * args.scale - L1) * (dp1_1 - delta1) * args.scale, see1_1);
    let ds2_0 = select(vec4<f32>(0.0), exp(s2_0 * args.scale - L2) * (dp2_0 - delta2) * args.scale, see2_0);
    let ds2_1 = select(vec4<f32>(0.0), exp(s2_1 * args.scale - L2) * (dp2_1 - delta2) * args.scale, see2_1);
    let ds3_0 = select(vec4<f32>(0.0), exp(s3_0 * args.scale - L3) * (dp3_0 - delta3) * args.scale, see3_0);
    let ds3_1 = select(vec4<f32>(0.0), exp(s3_1 * args.scale - L3) * (dp3_1 - delta3) * args.scale, see3_1);
    for (var d = 0u; d < D4; d++) {
      let k0 = qkv[k0At + d];
      let k1 = qkv[k1At + d];
      let k2 = qkv[k2At + d];
      let k3 = qkv[k3At + d];
      let k4 = qkv[k4At + d];
      let k5 = qkv[k5At + d];
      let k6 = qkv[k6At + d];
      let k7 = qkv[k7At + d];
      dqkv[q0At + d] += weigh(ds0_0, k0, k1, k2, k3) + weigh(ds0_1, k4, k5, k6, k7);
      if (rows > 1u) { dqkv[q1At + d] += weigh(ds1_0, k0, k1, k2, k3) + weigh(ds1_1, k4, k5, k6, k7); }
      if (rows > 2u) { dqkv[q2At + d] += weigh(ds2_0, k0, k1, k2, k3) + weigh(ds2_1, k4, k5, k6, k7); }
      if (rows > 3u) { dqkv[q3At + d] += weigh(ds3_0, k0, k1, k2, k3) + weigh(ds3_1, k4, k5, k6, k7); }
    }
  }
}
