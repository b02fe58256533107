// formula: for the queries i that see j: P_i = exp(S_ij - L_i); dv_j = sum_i P_i do_i; dk_j = scale sum_i P_i (do_i . v_j - delta_i) q_i,
//          summed over the H / K query heads of the group
// in: qkv (B T, (H + 2K) D) f32, rotated; dO (B T, H D) f32; L, delta (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the k and v parts written
// grid: one thread per 4 neighbouring keys of a head: `count` units from unit `first` on, unit n = (b K + head) ceil(T / 4) + block of
//       keys; workgroups of 16, no workgroup memory, no barrier, no atomics
// cost: 8 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last unit do nothing; keys beyond the last are computed as the last and not written; D a multiple of 4
// For CPU adapters, where loads are what costs: 4 keys and 8 queries are taken together, so that each load serves several pairs, and the
// sums stay in dqkv between blocks of queries.
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, pinned: u32, first: u32, count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> L: array<f32>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_span.wgsl"
//!include "lib/attention_block.wgsl"

// Which of four keys the query i sees, known to be one of those that may see them before their ends.
fn seen(base: u32, i: u32, j: vec4<u32>, end: vec4<u32>) -> vec4<bool> {
  let before = (vec4<u32>(i) >= j) & (vec4<u32>(i) < end);
  if (args.pinned == 0u) { return before; }
  let span = spanOf(base + min(i, args.T - 1u));
  let window = (vec4<u32>(i) - j < vec4<u32>(args.W)) | vec4<bool>(args.W == 0u);
  return before & (window | ((j >= vec4<u32>(span.z)) & (j < vec4<u32>(span.w))));
}

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
  let kv = n / blocks % args.K;
  let b = n / (blocks * args.K);
  let base = b * args.T;
  let perGroup = args.H / args.K;
  let stride = (args.H + 2u * args.K) * D4;
  let j0 = begin;
  let j1 = min(begin + 1u, last);
  let j2 = min(begin + 2u, last);
  let j3 = min(begin + 3u, last);
  let end0 = seersEnd(j0, args.T, args.W, spanOf(base + j0).y, args.pinned);
  let end1 = seersEnd(j1, args.T, args.W, spanOf(base + j1).y, args.pinned);
  let end2 = seersEnd(j2, args.T, args.W, spanOf(base + j2).y, args.pinned);
  let end3 = seersEnd(j3, args.T, args.W, spanOf(base + j3).y, args.pinned);
  let k0At = (base + j0) * stride + (args.H + kv) * D4;
  let k1At = (base + j1) * stride + (args.H + kv) * D4;
  let k2At = (base + j2) * stride + (args.H + kv) * D4;
  let k3At = (base + j3) * stride + (args.H + kv) * D4;
  let v0At = k0At + args.K * D4;
  let v1At = k1At + args.K * D4;
  let v2At = k2At + args.K * D4;
  let v3At = k3At + args.K * D4;
  let j = vec4<u32>(j0, j1, j2, j3);
  let end = vec4<u32>(end0, end1, end2, end3);
  for (var d = 0u; d < D4; d++) {
    dqkv[k0At + d] = vec4<f32>(0.0);
    dqkv[v0At + d] = vec4<f32>(0.0);
    if (rows > 1u) {
      dqkv[k1At + d] = vec4<f32>(0.0);
      dqkv[v1At + d] = vec4<f32>(0.0);
    }
    if (rows > 2u) {
      dqkv[k2At + d] = vec4<f32>(0.0);
      dqkv[v2At + d] = vec4<f32>(0.0);
    }
    if (rows > 3u) {
      dqkv[k3At + d] = vec4<f32>(0.0);
      dqkv[v3At + d] = vec4<f32>(0.0);
    }
  }
  for (var g = 0u; g < perGroup; g++) {
    let h = kv * perGroup + g;
    let line = (b * args.H + h) * args.T;
    for (var i = begin; i < end3; i += 8u) {
      let i0 = min(i + 0u, last);
      let i1 = min(i + 1u, last);
      let i2 = min(i + 2u, last);
      let i3 = min(i + 3u, last);
      let i4 = min(i + 4u, last);
      let i5 = min(i + 5u, last);
      let i6 = min(i + 6u, last);
      let i7 = min(i + 7u, last);
      let q0At = (base + i0) * stride + h * D4;
      let q1At = (base + i1) * stride + h * D4;
      let q2At = (base + i2) * stride + h * D4;
      let q3At = (base + i3) * stride + h * D4;
      let q4At = (base + i4) * stride + h * D4;
      let q5At = (base + i5) * stride + h * D4;
      let q6At = (base + i6) * stride + h * D4;
      let q7At = (base + i7) * stride + h * D4;
      let o0At = ((base + i0) * args.H + h) * D4;
      let o1At = ((base + i1) * args.H + h) * D4;
      let o2At = ((base + i2) * args.H + h) * D4;
      let o3At = ((base + i3) * args.H + h) * D4;
      let o4At = ((base + i4) * args.H + h) * D4;
      let o5At = ((base + i5) * args.H + h) * D4;
      let o6At = ((base + i6) * args.H + h) * D4;
      let o7At = ((base + i7) * args.H + h) * D4;
      var s0 = vec4<f32>(0.0);
      var dp0 = vec4<f32>(0.0);
      var s1 = vec4<f32>(0.0);
      var dp1 = vec4<f32>(0.0);
      var s2 = vec4<f32>(0.0);
      var dp2 = vec4<f32>(0.0);
      var s3 = vec4<f32>(0.0);
      var dp3 = vec4<f32>(0.0);
      var s4 = vec4<f32>(0.0);
      var dp4 = vec4<f32>(0.0);
      var s5 = vec4<f32>(0.0);
      var dp5 = vec4<f32>(0.0);
      var s6 = vec4<f32>(0.0);
      var dp6 = vec4<f32>(0.0);
      var s7 = vec4<f32>(0.0);
      var dp7 = vec4<f32>(0.0);
      for (var d = 0u; d < D4; d++) {
        let k0 = qkv[k0At + d];
        let k1 = qkv[k1At + d];
        let k2 = qkv[k2At + d];
        let k3 = qkv[k3At + d];
        let q0 = qkv[q0At + d];
        let q1 = qkv[q1At + d];
        let q2 = qkv[q2At + d];
        let q3 = qkv[q3At + d];
        let q4 = qkv[q4At + d];
        let q5 = qkv[q5At + d];
        let q6 = qkv[q6At + d];
        let q7 = qkv[q7At + d];
        s0 += dots(q0, k0, k1, k2, k3);
        s1 += dots(q1, k0, k1, k2, k3);
        s2 += dots(q2, k0, k1, k2, k3);
        s3 += dots(q3, k0, k1, k2, k3);
        s4 += dots(q4, k0, k1, k2, k3);
        s5 += dots(q5, k0, k1, k2, k3);
        s6 += dots(q6, k0, k1, k2, k3);
        s7 += dots(q7, k0, k1, k2, k3);
      }
      for (var d = 0u; d < D4; d++) {
        let v0 = qkv[v0At + d];
        let v1 = qkv[v1At + d];
        let v2 = qkv[v2At + d];
        let v3 = qkv[v3At + d];
        let e0 = dO[o0At + d];
        let e1 = dO[o1At + d];
        let e2 = dO[o2At + d];
        let e3 = dO[o3At + d];
        let e4 = dO[o4At + d];
        let e5 = dO[o5At + d];
        let e6 = dO[o6At + d];
        let e7 = dO[o7At + d];
        dp0 += dots(e0, v0, v1, v2, v3);
        dp1 += dots(e1, v0, v1, v2, v3);
        dp2 += dots(e2, v0, v1, v2, v3);
        dp3 += dots(e3, v0, v1, v2, v3);
        dp4 += dots(e4, v0, v1, v2, v3);
        dp5 += dots(e5, v0, v1, v2, v3);
        dp6 += dots(e6, v0, v1, v2, v3);
        dp7 += dots(e7, v0, v1, v2, v3);
      }
      let p0 = select(vec4<f32>(0.0), exp(s0 * args.scale - L[line + i0]), seen(base, i + 0u, j, end));
      let ds0 = p0 * (dp0 - delta[line + i0]) * args.scale;
      let p1 = select(vec4<f32>(0.0), exp(s1 * args.scale - L[line + i1]), seen(base, i + 1u, j, end));
      let ds1 = p1 * (dp1 - delta[line + i1]) * args.scale;
      let p2 = select(vec4<f32>(0.0), exp(s2 * args.scale - L[line + i2]), seen(base, i + 2u, j, end));
      let ds2 = p2 * (dp2 - delta[line + i2]) * args.scale;
      let p3 = select(vec4<f32>(0.0), exp(s3 * args.scale - L[line + i3]), seen(base, i + 3u, j, end));
      let ds3 = p3 * (dp3 - delta[line + i3]) * args.scale;
      let p4 = select(vec4<f32>(0.0), exp(s4 * args.scale - L[line + i4]), seen(base, i + 4u, j, end));
      let ds4 = p4 * (dp4 - delta[line + i4]) * args.scale;
      let p5 = select(vec4<f32>(0.0), exp(s5 * args.scale - L[line + i5]), seen(base, i + 5u, j, end));
      let ds5 = p5 * (dp5 - delta[line + i5]) * args.scale;
      let p6 = select(vec4<f32>(0.0), exp(s6 * args.scale - L[line + i6]), seen(base, i + 6u, j, end));
      let ds6 = p6 * (dp6 - delta[line + i6]) * args.scale;
      let p7 = select(vec4<f32>(0.0), exp(s7 * args.scale - L[line + i7]), seen(base, i + 7u, j, end));
      let ds7 = p7 * (dp7 - delta[line + i7]) * args.scale;
      for (var d = 0u; d < D4; d++) {
        let q0 = qkv[q0At + d];
        let e0 = dO[o0At + d];
        let q1 = qkv[q1At + d];
        let e1 = dO[o1At + d];
        let q2 = qkv[q2At + d];
        let e2 = dO[o2At + d];
        let q3 = qkv[q3At + d];
        let e3 = dO[o3At + d];
        let q4 = qkv[q4At + d];
        let e4 = dO[o4At + d];
        let q5 = qkv[q5At + d];
        let e5 = dO[o5At + d];
        let q6 = qkv[q6At + d];
        let e6 = dO[o6At + d];
        let q7 = qkv[q7At + d];
        let e7 = dO[o7At + d];
        dqkv[k0At + d] += weigh(vec4<f32>(ds0.x, ds1.x, ds2.x, ds3.x), q0, q1, q2, q3)
          + weigh(vec4<f32>(ds4.x, ds5.x, ds6.x, ds7.x), q4, q5, q6, q7);
        dqkv[v0At + d] += weigh(vec4<f32>(p0.x, p1.x, p2.x, p3.x), e0, e1, e2, e3)
          + weigh(vec4<f32>(p4.x, p5.x, p6.x, p7.x), e4, e5, e6, e7);
        if (rows > 1u) {
          dqkv[k1At + d] += weigh(vec4<f32>(ds0.y, ds1.y, ds2.y, ds3.y), q0, q1, q2, q3)
            + weigh(vec4<f32>(ds4.y, ds5.y, ds6.y, ds7.y), q4, q5, q6, q7);
          dqkv[v1At + d] += weigh(vec4<f32>(p0.y, p1.y, p2.y, p3.y), e0, e1, e2, e3)
            + weigh(vec4<f32>(p4.y, p5.y, p6.y, p7.y), e4, e5, e6, e7);
        }
        if (rows > 2u) {
          dqkv[k2At + d] += weigh(vec4<f32>(ds0.z, ds1.z, ds2.z, ds3.z), q0, q1, q2, q3)
            + weigh(vec4<f32>(ds4.z, ds5.z, ds6.z, ds7.z), q4, q5, q6, q7);
          dqkv[v2At + d] += weigh(vec4<f32>(p0.z, p1.z, p2.z, p3.z), e0, e1, e2, e3)
            + weigh(vec4<f32>(p4.z, p5.z, p6.z, p7.z), e4, e5, e6, e7);
        }
        if (rows > 3u) {
          dqkv[k3At + d] += weigh(vec4<f32>(ds0.w, ds1.w, ds2.w, ds3.w), q0, q1, q2, q3)
            + weigh(vec4<f32>(ds4.w, ds5.w, ds6.w, ds7.w), q4, q5, q6, q7);
          dqkv[v3At + d] += weigh(vec4<f32>(p0.w, p1.w, p2.w, p3.w), e0, e1, e2, e3)
            + weigh(vec4<f32>(p4.w, p5.w, p6.w, p7.w), e4, e5, e6, e7);
        }
      }
    }
  }
}
