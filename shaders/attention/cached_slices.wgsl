// formula: as attention/forward_slices for one query per row, which sees the keys and values of its slot of the
//          cache up to its own position
// in: qkv (R, (H + 2K) D) f32, q rotated; cache (S, T, 2, K, D) f32; slots, positions (R) u32; pins (R) vec2 of u32: pinLo, pinHi
// out: o (R, H D) f32
// grid: one thread per slice of 16 dimensions of each of the `count` units n = r H + h from `first` on, workgroups of 64, no barrier
// cost: 4 R H min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error; equal to the full forward pass to 1e-6
// guard: threads beyond the last slice do nothing; o is 0 for rows with slots[r] >= S or positions[r] >= T; D a multiple of 4
// A thread owns one slice of 4 vec4 of the head and recomputes the scores: no private arrays, which CPU adapters keep in memory.
struct Args { S: u32, T: u32, H: u32, K: u32, W: u32, first: u32, count: u32, scale: f32 }
override D4: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> cache: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> slots: array<u32>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> pins: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<f32>>;
//!include "lib/index.wgsl"
//!include "lib/attention_mask.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let slices = (D4 + 3u) / 4u;
  let unit = flatIndex(group, groups, local);
  let n = args.first + unit / slices;
  let slice = unit % slices * 4u;
  if (unit >= args.count * slices) { return; }
  let h = n % args.H;
  let row = n / args.H;
  let kv = h / (args.H / args.K);
  let slot = slots[row];
  let i = positions[row];
  let idle = slot >= args.S || i >= args.T;
  let qAt = (row * (args.H + 2u * args.K) + h) * D4;
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
  let seen = seenFrom(min(i, args.T - 1u), args.W, vec4<u32>(0u, 0u, pins[row]));
  let count = select(seen.count, 0u, idle);
  for (var t = 0u; t < count; t++) {
    let kAt = ((slot * args.T + keyOf(seen, t)) * 2u * args.K + kv) * D4;
    var s = 0.0;
    for (var d = 0u; d < D4; d++) { s += dot(qkv[qAt + d], cache[kAt + d]); }
    s *= args.scale;
    let next = max(m, s);
    let shrink = exp(m - next);
    let p = exp(s - next);
    l = l * shrink + p;
    let vAt = kAt + args.K * D4;
    o0 = o0 * shrink + p * cache[vAt + e0];
    o1 = o1 * shrink + p * cache[vAt + e1];
    o2 = o2 * shrink + p * cache[vAt + e2];
    o3 = o3 * shrink + p * cache[vAt + e3];
    m = next;
  }
  let inv = select(1.0 / l, 0.0, idle);
  let oAt = n * D4;
  o[oAt + e0] = o0 * inv;
  if (slice + 1u < D4) { o[oAt + e1] = o1 * inv; }
  if (slice + 2u < D4) { o[oAt + e2] = o2 * inv; }
  if (slice + 3u < D4) { o[oAt + e3] = o3 * inv; }
}
