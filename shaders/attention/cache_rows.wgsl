// formula: q rotated in place; k rotated and v copied to the row's place in its slot of the cache. Rotation as in rope/rotate_part.
// in: slots, positions (R) u32; table (P, rotary / 2, 2) f32 of cos and sin, unread with rotary = 0
// out: qkv (R, (H + 2K) D) f32, q rotated in place; cache (S, T, 2, K, D) f32 at [slots[r], positions[r]]
// grid: one thread per (row, head of q, k or v, two dimensions), workgroups of 64
// cost: 3 R (H + K) rotary flops
// tolerance: 1e-7 normalised mean squared error
// guard: threads beyond the last pair do nothing; rows with slots[r] >= S or positions[r] >= T are left as they are; positions beyond the
//        table use its last row. No two rows may have the same place.
// The first rotary / 2 threads of a head take the pairs (d, d + rotary / 2), the others two neighbours that are not rotated.
struct Args { R: u32, S: u32, T: u32, H: u32, K: u32, D: u32, rotary: u32, P: u32 }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> slots: array<u32>;
@group(0) @binding(2) var<storage, read_write> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> table: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> cache: array<f32>;
//!include "lib/index.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = flatIndex(group, groups, local);
  let pairs = args.D / 2u;
  let heads = args.H + 2u * args.K;
  if (i >= args.R * heads * pairs) { return; }
  let pair = i % pairs;
  let head = (i / pairs) % heads;
  let row = i / (pairs * heads);
  let slot = slots[row];
  let pos = positions[row];
  if (slot >= args.S || pos >= args.T) { return; }
  let half = args.rotary / 2u;
  let rotated = pair < half;
  let d = select(2u * pair, pair, rotated);
  let gap = select(1u, half, rotated);
  let at = (row * heads + head) * args.D + d;
  var lo = qkv[at];
  var hi = qkv[at + gap];
  if (rotated && head < args.H + args.K) {
    let cs = table[min(pos, args.P - 1u) * half + pair];
    let a = lo;
    lo = a * cs.x - hi * cs.y;
    hi = hi * cs.x + a * cs.y;
  }
  if (head < args.H) {
    qkv[at] = lo;
    qkv[at + gap] = hi;
  } else {
    let to = ((slot * args.T + pos) * 2u * args.K + head - args.H) * args.D + d;
    cache[to] = lo;
    cache[to + gap] = hi;
  }
}
