// formula: for the queries i that see j: P_i = exp(S_ij - L_i); dv_j = sum_i P_i do_i; dk_j = scale sum_i P_i (do_i . v_j - delta_i) q_i,
//          summed over the H / K query heads of the group
// in: qkv (B T, (H + 2K) D) f32, rotated; dO (B T, H D) f32; L, delta (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the k and v parts written
// grid: one thread per 2 neighbouring keys of a head: `count` units from unit `first` on, unit n = (b K + head) ceil(T / 2) + block of
//       keys; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 8 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; keys beyond the last are computed as the last and not written; D = 16
// For CPU adapters, which keep private arrays in memory: the whole head in 4 named vec4, and each load serves 2 keys.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, pinned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> L: array<f32>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
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
  let kv = n / blocks % args.K;
  let b = n / (blocks * args.K);
  let base = b * args.T;
  let perGroup = args.H / args.K;
  let stride = (args.H + 2u * args.K) * 4u;
  let j0 = begin;
  let j1 = min(begin + 1u, last);
  let end0 = seersEnd(j0, args.T, args.W, spanOf(base + j0).y, args.pinned);
  let end1 = seersEnd(j1, args.T, args.W, spanOf(base + j1).y, args.pinned);
  let k0At = (base + j0) * stride + (args.H + kv) * 4u;
  let k1At = (base + j1) * stride + (args.H + kv) * 4u;
  let v0At = k0At + args.K * 4u;
  let v1At = k1At + args.K * 4u;
  let k0_0 = qkv[k0At + 0u] * args.scale;
  let k0_1 = qkv[k0At + 1u] * args.scale;
  let k0_2 = qkv[k0At + 2u] * args.scale;
  let k0_3 = qkv[k0At + 3u] * args.scale;
  let v0_0 = qkv[v0At + 0u];
  let v0_1 = qkv[v0At + 1u];
  let v0_2 = qkv[v0At + 2u];
  let v0_3 = qkv[v0At + 3u];
  var dk0_0 = vec4<f32>(0.0);
  var dv0_0 = vec4<f32>(0.0);
  var dk0_1 = vec4<f32>(0.0);
  var dv0_1 = vec4<f32>(0.0);
  var dk0_2 = vec4<f32>(0.0);
  var dv0_2 = vec4<f32>(0.0);
  var dk0_3 = vec4<f32>(0.0);
  var dv0_3 = vec4<f32>(0.0);
  let k1_0 = qkv[k1At + 0u] * args.scale;
  let k1_1 = qkv[k1At + 1u] * args.scale;
  let k1_2 = qkv[k1At + 2u] * args.scale;
  let k1_3 = qkv[k1At + 3u] * args.scale;
  let v1_0 = qkv[v1At + 0u];
  let v1_1 = qkv[v1At + 1u];
  let v1_2 = qkv[v1At + 2u];
  let v1_3 = qkv[v1At + 3u];
  var dk1_0 = vec4<f32>(0.0);
  var dv1_0 = vec4<f32>(0.0);
  var dk1_1 = vec4<f32>(0.0);
  var dv1_1 = vec4<f32>(0.0);
  var dk1_2 = vec4<f32>(0.0);
  var dv1_2 = vec4<f32>(0.0);
  var dk1_3 = vec4<f32>(0.0);
  var dv1_3 = vec4<f32>(0.0);
  for (var g = 0u; g < perGroup; g++) {
    let h = kv * perGroup + g;
    for (var i = begin; i < end1; i++) {
      let row = base + i;
      var see0 = i >= j0 && i < end0;
      var see1 = i >= j1 && i < end1;
      if (args.pinned == 1u) {
        let span = spanOf(row);
        see0 = see0 && seesInside(i, j0, args.W, span);
        see1 = see1 && seesInside(i, j1, args.W, span);
      }
      let at = (b * args.H + h) * args.T + i;
      let Li = L[at];
      let di = delta[at];
      let qAt = row * stride + h * 4u;
      let oAt = (row * args.H + h) * 4u;
      let q0 = qkv[qAt + 0u];
      let q1 = qkv[qAt + 1u];
      let q2 = qkv[qAt + 2u];
      let q3 = qkv[qAt + 3u];
      let e0 = dO[oAt + 0u];
      let e1 = dO[oAt + 1u];
      let e2 = dO[oAt + 2u];
      let e3 = dO[oAt + 3u];
      let s0 = dot(k0_0, q0) + dot(k0_1, q1) + dot(k0_2, q2) + dot(k0_3, q3);
      let dp0 = dot(v0_0, e0) + dot(v0_1, e1) + dot(v0_2, e2) + dot(v0_3, e3);
      let p0 = select(0.0, exp(s0 - Li), see0);
      let ds0 = p0 * (dp0 - di) * args.scale;
      dk0_0 += ds0 * q0;
      dv0_0 += p0 * e0;
      dk0_1 += ds0 * q1;
      dv0_1 += p0 * e1;
      dk0_2 += ds0 * q2;
      dv0_2 += p0 * e2;
      dk0_3 += ds0 * q3;
      dv0_3 += p0 * e3;
      let s1 = dot(k1_0, q0) + dot(k1_1, q1) + dot(k1_2, q2) + dot(k1_3, q3);
      let dp1 = dot(v1_0, e0) + dot(v1_1, e1) + dot(v1_2, e2) + dot(v1_3, e3);
      let p1 = select(0.0, exp(s1 - Li), see1);
      let ds1 = p1 * (dp1 - di) * args.scale;
      dk1_0 += ds1 * q0;
      dv1_0 += p1 * e0;
      dk1_1 += ds1 * q1;
      dv1_1 += p1 * e1;
      dk1_2 += ds1 * q2;
      dv1_2 += p1 * e2;
      dk1_3 += ds1 * q3;
      dv1_3 += p1 * e3;
    }
  }
  dqkv[k0At + 0u] = dk0_0;
  dqkv[v0At + 0u] = dv0_0;
  dqkv[k0At + 1u] = dk0_1;
  dqkv[v0At + 1u] = dv0_1;
  dqkv[k0At + 2u] = dk0_2;
  dqkv[v0At + 2u] = dv0_2;
  dqkv[k0At + 3u] = dk0_3;
  dqkv[v0At + 3u] = dv0_3;
  if (rows > 1u) {
    dqkv[k1At + 0u] = dk1_0;
    dqkv[v1At + 0u] = dv1_0;
    dqkv[k1At + 1u] = dk1_1;
    dqkv[v1At + 1u] = dv1_1;
    dqkv[k1At + 2u] = dk1_2;
    dqkv[v1At + 2u] = dv1_2;
    dqkv[k1At + 3u] = dk1_3;
    dqkv[v1At + 3u] = dv1_3;
  }
}
