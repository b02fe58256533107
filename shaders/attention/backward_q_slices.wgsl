// formula: delta_i = do_i . o_i; P_j = exp(S_j - L_i) recomputed; dq_i = scale sum_j P_j (do_i . v_j - delta_i) k_j
// in: qkv (B T, (H + 2K) D) f32, rotated; o, dO (B T, H D) f32; L (B H T) f32; spans (B T) vec4 of u32, see lib/attention_mask; unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the q part written; delta (B H T) f32 for the key and value pass
// grid: one thread per slice of 16 dimensions of each of the `count` units n = (b H + h) T + i from `first` on;
//       workgroups of 64, no workgroup memory, no barrier, no atomics
// cost: 6 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last slice do nothing; D a multiple of 4
// A thread owns one slice of 4 vec4 of the head and recomputes the scores: no private arrays, which CPU adapters keep in memory.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
override D4: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;
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
  let i = n % args.T;
  let h = (n / args.T) % args.H;
  let b = n / (args.T * args.H);
  let kv = h / (args.H / args.K);
  let stride = (args.H + 2u * args.K) * D4;
  let row = b * args.T + i;
  let qAt = row * stride + h * D4;
  let oAt = row * args.H * D4 + h * D4;
  let e0 = slice;
  let e1 = min(slice + 1u, D4 - 1u);
  let e2 = min(slice + 2u, D4 - 1u);
  let e3 = min(slice + 3u, D4 - 1u);
  var g0 = vec4<f32>(0.0);
  var g1 = vec4<f32>(0.0);
  var g2 = vec4<f32>(0.0);
  var g3 = vec4<f32>(0.0);
  var dl = 0.0;
  for (var d = 0u; d < D4; d++) { dl += dot(dO[oAt + d], o[oAt + d]); }
  let lse = L[n];
  let seen = seenFrom(i, args.W, spanOf(row));
  for (var t = 0u; t < seen.count; t++) {
    let j = keyOf(seen, t);
    let kAt = (b * args.T + j) * stride + (args.H + kv) * D4;
    let vAt = kAt + args.K * D4;
    var s = 0.0;
    var dp = 0.0;
    for (var d = 0u; d < D4; d++) { s += dot(qkv[qAt + d], qkv[kAt + d]); dp += dot(dO[oAt + d], qkv[vAt + d]); }
    let ds = exp(s * args.scale - lse) * (dp - dl) * args.scale;
    g0 += ds * qkv[kAt + e0];
    g1 += ds * qkv[kAt + e1];
    g2 += ds * qkv[kAt + e2];
    g3 += ds * qkv[kAt + e3];
  }
  dqkv[qAt + e0] = g0;
  if (slice + 1u < D4) { dqkv[qAt + e1] = g1; }
  if (slice + 2u < D4) { dqkv[qAt + e2] = g2; }
  if (slice + 3u < D4) { dqkv[qAt + e3] = g3; }
  if (slice == 0u) { delta[n] = dl; }
}
