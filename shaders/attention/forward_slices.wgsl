// formula: S_j = scale q_i . k_j over the keys that i sees; o_i = sum_j softmax(S)_j v_j by online softmax; L_i = logsumexp_j S_j
// in: qkv (B T, (H + 2K) D) f32, rotated; spans (B T) vec4 of u32, see lib/attention_mask; unread with spanned = 0
// out: o (B T, H D) f32; L (B H T) f32, saved for the backward pass
// grid: one thread per slice of 16 dimensions of each of the `count` units n = (b H + h) T + i from `first` on;
//       workgroups of 64, no workgroup memory, no barrier; scores never leave registers
// cost: 4 B H T min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last slice do nothing; D a multiple of 4
// A thread owns one slice of 4 vec4 of the head and recomputes the scores: no private arrays, which CPU adapters keep in memory.
struct Args { T: u32, H: u32, K: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
override D4: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
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
  let e0 = slice;
  let e1 = min(slice + 1u, D4 - 1u);
  let e2 = min(slice + 2u, D4 - 1u);
  let e3 = min(slice + 3u, D4 - 1u);
  var o0 = vec4<f32>(0.0);
  var o1 = vec4<f32>(0.0);
  var o2 = vec4<f32>(0.0);
  var o3 = vec4<f32>(0.0);
  var m = -3.0e38;
  var l = 0.0;
  let seen = seenFrom(i, args.W, spanOf(row));
  for (var t = 0u; t < seen.count; t++) {
    let j = keyOf(seen, t);
    let kAt = (b * args.T + j) * stride + (args.H + kv) * D4;
    var s = 0.0;
    for (var d = 0u; d < D4; d++) { s += dot(qkv[qAt + d], qkv[kAt + d]); }
    s *= args.scale;
    let next = max(m, s);
    let shrink = exp(m - next);
    let p = exp(s - next);
    l = l * shrink + p;
    let vAt = kAt + args.K * D4;
    o0 = o0 * shrink + p * qkv[vAt + e0];
    o1 = o1 * shrink + p * qkv[vAt + e1];
    o2 = o2 * shrink + p * qkv[vAt + e2];
    o3 = o3 * shrink + p * qkv[vAt + e3];
    m = next;
  }
  let inv = 1.0 / l;
  let oAt = row * args.H * D4 + h * D4;
  o[oAt + e0] = o0 * inv;
  if (slice + 1u < D4) { o[oAt + e1] = o1 * inv; }
  if (slice + 2u < D4) { o[oAt + e2] = o2 * inv; }
  if (slice + 3u < D4) { o[oAt + e3] = o3 * inv; }
  if (slice == 0u) { L[n] = m + log(l); }
}
