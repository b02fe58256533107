// formula: delta_i = do_i . o_i; P_j = exp(S_j - L_i) recomputed; dq_i = scale sum_j P_j (do_i . v_j - delta_i) k_j
// in: qkv (B T, (H + 2K) D) f32, rotated; o, dO (B T, H D) f32; L (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the q part written; delta (B H T) f32 for the key and value pass
// grid: one thread per 2 neighbouring queries of a head: `count` units from unit `first` on, unit n = (b H + head) ceil(T / 2) + block of
//       queries; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 6 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; queries beyond the last are computed as the last and not written; D = 16
// For CPU adapters, which keep private arrays in memory: the whole head in 4 named vec4, and each load serves 2 queries.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
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
  let stride = (args.H + 2u * args.K) * 4u;
  let kHead = (args.H + h / (args.H / args.K)) * 4u;
  let i0 = begin;
  let i1 = min(begin + 1u, last);
  let seen0 = seenFrom(i0, args.W, spanOf(base + i0));
  let seen1 = seenFrom(i1, args.W, spanOf(base + i1));
  let q0At = (base + i0) * stride + h * 4u;
  let q1At = (base + i1) * stride + h * 4u;
  let o0At = ((base + i0) * args.H + h) * 4u;
  let o1At = ((base + i1) * args.H + h) * 4u;
  let n0 = (b * args.H + h) * args.T + i0;
  let L0 = L[n0];
  let q0_0 = qkv[q0At + 0u] * args.scale;
  let q0_1 = qkv[q0At + 1u] * args.scale;
  let q0_2 = qkv[q0At + 2u] * args.scale;
  let q0_3 = qkv[q0At + 3u] * args.scale;
  let e0_0 = dO[o0At + 0u];
  let e0_1 = dO[o0At + 1u];
  let e0_2 = dO[o0At + 2u];
  let e0_3 = dO[o0At + 3u];
  var dq0_0 = vec4<f32>(0.0);
  var dq0_1 = vec4<f32>(0.0);
  var dq0_2 = vec4<f32>(0.0);
  var dq0_3 = vec4<f32>(0.0);
  let delta0 = dot(e0_0, o[o0At + 0u]) + dot(e0_1, o[o0At + 1u]) + dot(e0_2, o[o0At + 2u]) + dot(e0_3, o[o0At + 3u]);
  let n1 = (b * args.H + h) * args.T + i1;
  let L1 = L[n1];
  let q1_0 = qkv[q1At + 0u] * args.scale;
  let q1_1 = qkv[q1At + 1u] * args.scale;
  let q1_2 = qkv[q1At + 2u] * args.scale;
  let q1_3 = qkv[q1At + 3u] * args.scale;
  let e1_0 = dO[o1At + 0u];
  let e1_1 = dO[o1At + 1u];
  let e1_2 = dO[o1At + 2u];
  let e1_3 = dO[o1At + 3u];
  var dq1_0 = vec4<f32>(0.0);
  var dq1_1 = vec4<f32>(0.0);
  var dq1_2 = vec4<f32>(0.0);
  var dq1_3 = vec4<f32>(0.0);
  let delta1 = dot(e1_0, o[o1At + 0u]) + dot(e1_1, o[o1At + 1u]) + dot(e1_2, o[o1At + 2u]) + dot(e1_3, o[o1At + 3u]);
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
    let dp0 = dot(e0_0, v0) + dot(e0_1, v1) + dot(e0_2, v2) + dot(e0_3, v3);
    let ds0 = select(0.0, exp(s0 - L0) * (dp0 - delta0) * args.scale, sees(j, i0, seen0));
    dq0_0 += ds0 * k0;
    dq0_1 += ds0 * k1;
    dq0_2 += ds0 * k2;
    dq0_3 += ds0 * k3;
    let s1 = dot(q1_0, k0) + dot(q1_1, k1) + dot(q1_2, k2) + dot(q1_3, k3);
    let dp1 = dot(e1_0, v0) + dot(e1_1, v1) + dot(e1_2, v2) + dot(e1_3, v3);
    let ds1 = select(0.0, exp(s1 - L1) * (dp1 - delta1) * args.scale, sees(j, i1, seen1));
    dq1_0 += ds1 * k0;
    dq1_1 += ds1 * k1;
    dq1_2 += ds1 * k2;
    dq1_3 += ds1 * k3;
  }
  dqkv[q0At + 0u] = dq0_0;
  dqkv[q0At + 1u] = dq0_1;
  dqkv[q0At + 2u] = dq0_2;
  dqkv[q0At + 3u] = dq0_3;
  delta[n0] = delta0;
  if (rows > 1u) {
    dqkv[q1At + 0u] = dq1_0;
    dqkv[q1At + 1u] = dq1_1;
    dqkv[q1At + 2u] = dq1_2;
    dqkv[q1At + 3u] = dq1_3;
    delta[n1] = delta1;
  }
}
