// formula: as attention/flash_forward for the single query at position[b], keys and values from the cache
// in: qkv (B, (H + 2K) D) f32, q rotated; cache (B, T, 2, K, D) f32; position, pinLo, pinHi (B) u32
// out: o (B, H D) f32
// grid: one thread per (b, h, slice of 16 dimensions), workgroups of 64, no barrier
// cost: 4 B H min(T, W) D flops
// tolerance: 1e-7 normalised mean squared error; equal to the full forward pass to 1e-6
// guard: threads beyond the last slice do nothing; positions are clamped to T - 1; D a multiple of 4
// A thread owns one slice of 4 vec4 of the head and recomputes the scores: no private arrays, which CPU adapters keep in memory.
struct Args { B: u32, T: u32, H: u32, K: u32, W: u32, scale: f32 }
override D4: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> cache: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> position: array<u32>;
@group(0) @binding(4) var<storage, read_write> pinLo: array<u32>;
@group(0) @binding(5) var<storage, read_write> pinHi: array<u32>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4<f32>>;
//!include "lib/attention_mask.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let slices = (D4 + 3u) / 4u;
  let n = id.x / slices;
  let slice = id.x % slices * 4u;
  if (n >= args.B * args.H) { return; }
  let h = n % args.H;
  let b = n / args.H;
  let kv = h / (args.H / args.K);
  let i = min(position[b], args.T - 1u);
  let qAt = (b * (args.H + 2u * args.K) + h) * D4;
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
  let start = windowStart(i, args.W);
  let pinStart = min(pinLo[b], start);
  let pinCount = max(min(pinHi[b], start), pinStart) - pinStart;
  let count = pinCount + i + 1u - start;
  for (var t = 0u; t < count; t++) {
    let j = select(start + t - pinCount, pinStart + t, t < pinCount);
    let kAt = ((b * args.T + j) * 2u * args.K + kv) * D4;
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
  let inv = 1.0 / l;
  let oAt = n * D4;
  o[oAt + e0] = o0 * inv;
  if (slice + 1u < D4) { o[oAt + e1] = o1 * inv; }
  if (slice + 2u < D4) { o[oAt + e2] = o2 * inv; }
  if (slice + 3u < D4) { o[oAt + e3] = o3 * inv; }
}
