// formula: q rotated in place; k rotated and v copied to the cache at the row's position. Rotation as in rope/rotate.
// in: position (B) u32; table (P, D/2, 2) f32
// out: qkv (B, (H + 2K) D) f32, q rotated in place; cache (B, T, 2, K, D) f32 at [b, position[b]]
// grid: one thread per (b, head of q, k or v, pair), workgroups of 64
// cost: 6 B (H + K) D / 2 flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last pair do nothing; positions are clamped to T - 1
struct Args { B: u32, T: u32, H: u32, K: u32, D: u32, P: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> position: array<u32>;
@group(0) @binding(2) var<storage, read_write> table: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(4) var<storage, read_write> cache: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let half = args.D / 2u;
  let heads = args.H + 2u * args.K;
  if (i >= args.B * heads * half) { return; }
  let d = i % half;
  let head = (i / half) % heads;
  let b = i / (half * heads);
  let pos = min(position[b], args.T - 1u);
  let at = (b * heads + head) * args.D + d;
  var lo = qkv[at];
  var hi = qkv[at + half];
  if (head < args.H + args.K) {
    let cs = table[min(pos, args.P - 1u) * half + d];
    let a = lo;
    lo = a * cs.x - hi * cs.y;
    hi = hi * cs.x + a * cs.y;
  }
  if (head < args.H) {
    qkv[at] = lo;
    qkv[at + half] = hi;
  } else {
    let to = ((b * args.T + pos) * 2u * args.K + head - args.H) * args.D + d;
    cache[to] = lo;
    cache[to + half] = hi;
  }
}
