// formula: for the queries i that see j: P_i = exp(S_ij - L_i); dv_j = sum_i P_i do_i; dk_j = scale sum_i P_i (do_i . v_j - delta_i) q_i,
//          summed over the H / K query heads of the group
// in: qkv (B T, (H + 2K) D) f32, rotated; dO (B T, H D) f32; L, delta (B H T) f32; spans (B T) vec4 of u32, see lib/attention_mask; unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the k and v parts written
// grid: one thread per slice of 16 dimensions of each of the `count` units n = (b K + k) T + j from `first` on;
//       workgroups of 64, no workgroup memory, no barrier, no atomics
// cost: 8 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last slice do nothing; D a multiple of 4; the loop
//        ends with the document and, without pins (args.pinned = 0), with the window
// A thread owns one slice of 4 vec4 of the head and recomputes the scores: no private arrays, which CPU adapters keep in memory.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, pinned: u32, first: u32, count: u32, scale: f32 }
override D4: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> L: array<f32>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
//!include "lib/index.wgsl"
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_span.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let slices = (D4 + 3u) / 4u;
  let unit = flatIndex(group, groups, local);
  let n = args.first + unit / slices;
  let slice = unit % slices * 4u;
  if (unit >= args.count * slices) { return; }
  let j = n % args.T;
  let kv = (n / args.T) % args.K;
  let b = n / (args.T * args.K);
  let perGroup = args.H / args.K;
  let stride = (args.H + 2u * args.K) * D4;
  let kAt = (b * args.T + j) * stride + (args.H + kv) * D4;
  let vAt = kAt + args.K * D4;
  let e0 = slice;
  let e1 = min(slice + 1u, D4 - 1u);
  let e2 = min(slice + 2u, D4 - 1u);
  let e3 = min(slice + 3u, D4 - 1u);
  var k0 = vec4<f32>(0.0);
  var k1 = vec4<f32>(0.0);
  var k2 = vec4<f32>(0.0);
  var k3 = vec4<f32>(0.0);
  var v0 = vec4<f32>(0.0);
  var v1 = vec4<f32>(0.0);
  var v2 = vec4<f32>(0.0);
  var v3 = vec4<f32>(0.0);
  let end = seersEnd(j, args.T, args.W, spanOf(b * args.T + j).y, args.pinned);
  for (var i = j; i < end; i++) {
    let row = b * args.T + i;
    if (args.pinned == 1u && !seesInside(i, j, args.W, spanOf(row))) { continue; }
    for (var g = 0u; g < perGroup; g++) {
      let h = kv * perGroup + g;
      let at = (b * args.H + h) * args.T + i;
      let qAt = row * stride + h * D4;
      let oAt = row * args.H * D4 + h * D4;
      var s = 0.0;
      var dp = 0.0;
      for (var d = 0u; d < D4; d++) { s += dot(qkv[kAt + d], qkv[qAt + d]); dp += dot(qkv[vAt + d], dO[oAt + d]); }
      let p = exp(s * args.scale - L[at]);
      let ds = p * (dp - delta[at]) * args.scale;
      v0 += p * dO[oAt + e0];
      v1 += p * dO[oAt + e1];
      v2 += p * dO[oAt + e2];
      v3 += p * dO[oAt + e3];
      k0 += ds * qkv[qAt + e0];
      k1 += ds * qkv[qAt + e1];
      k2 += ds * qkv[qAt + e2];
      k3 += ds * qkv[qAt + e3];
    }
  }
  dqkv[kAt + e0] = k0;
  dqkv[vAt + e0] = v0;
  if (slice + 1u < D4) { dqkv[kAt + e1] = k1; dqkv[vAt + e1] = v1; }
  if (slice + 2u < D4) { dqkv[kAt + e2] = k2; dqkv[vAt + e2] = v2; }
  if (slice + 3u < D4) { dqkv[kAt + e3] = k3; dqkv[vAt + e3] = v3; }
}
