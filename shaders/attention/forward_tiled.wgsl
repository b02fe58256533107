// formula: S_j = scale q_i . k_j over the keys that i sees; o_i = sum_j softmax(S)_j v_j by online softmax; L_i = logsumexp_j S_j
// in: qkv (B T, (H + 2K) D) f32, rotated; spans (B T) vec4 of u32, see lib/attention_mask, unread with spanned = 0
// out: o (B T, H D) f32; L (B H T) f32, saved for the backward pass
// grid: one workgroup of 128 per 64 queries of a head and 128 of its dimensions: `count` units from unit `first` on, unit n = (b H + head)
//       ceil(T / 64) + tile, parts of a unit one after the other; scores never leave the workgroup
// cost: 4 B H T min(T, W) D flops, the scores again for every part of the head
// tolerance: 1e-7 normalised mean squared error
// guard: queries beyond the last are computed as the last and not written, dimensions beyond D are zero; D a multiple of 4 up to 256
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
// Groups of 32 dimensions that a workgroup sums up, 1 to 4.
override SLABS: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
//!include "lib/attention_mask.wgsl"
//!include "lib/attention_span.wgsl"
//!include "lib/attention_block.wgsl"
//!include "lib/attention_tile.wgsl"
//!include "lib/attention_tile_keys.wgsl"

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let D4 = args.D / 4u;
  let parts = (D4 + 31u) / 32u;
  let index = group.y * groups.x + group.x;
  if (index >= args.count * parts) { return; }
  let part = index % parts;
  let tiles = (args.T + OWNERS - 1u) / OWNERS;
  let n = args.first + index / parts;
  let begin = n % tiles * OWNERS;
  let last = args.T - 1u;
  let h = n / tiles % args.H;
  let b = n / (tiles * args.H);
  let base = b * args.T;
  let stride = (args.H + 2u * args.K) * D4;
  let kHead = (args.H + h / (args.H / args.K)) * D4;
  let vHead = kHead + args.K * D4;
  let ty = local / 8u;
  let tx = local % 8u;
  let i0 = min(begin + ty * 4u, last);
  let i1 = min(begin + ty * 4u + 1u, last);
  let i2 = min(begin + ty * 4u + 2u, last);
  let i3 = min(begin + ty * 4u + 3u, last);
  let seen0 = seenFrom(i0, args.W, spanOf(base + i0));
  let seen1 = seenFrom(i1, args.W, spanOf(base + i1));
  let seen2 = seenFrom(i2, args.W, spanOf(base + i2));
  let seen3 = seenFrom(i3, args.W, spanOf(base + i3));
  var m = vec4<f32>(-3.0e38);
  var l = vec4<f32>(0.0);
  var o0 = ZERO;
  var o1 = ZERO;
  var o2 = ZERO;
  var o3 = ZERO;
  let range = tilesSeen(begin, base, local);
  let pinTiles = range.w - range.z;
  for (var t = 0u; t < pinTiles + range.y - range.x; t++) {
    let j = select(range.x + t - pinTiles, range.z + t, t < pinTiles) * COLUMNS;
    var s = ZERO;
    for (var d0 = 0u; d0 < D4; d0 += 8u) {
      workgroupBarrier();
      for (var x = local; x < OWNERS * 8u; x += 128u) {
        let d = d0 + x % 8u;
        tile[x / 8u * 9u + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(begin + x / 8u, last)) * stride + h * D4 + d], d < D4);
      }
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = d0 + x % 8u;
        tile[columnSlot(x / 8u) + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + kHead + d], d < D4);
      }
      workgroupBarrier();
      s = multiply(s, ty, tx);
    }
    let key = j + tx * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let see0 = seesKeys(key, i0 + 1u, seen0);
    let see1 = seesKeys(key, i1 + 1u, seen1);
    let see2 = seesKeys(key, i2 + 1u, seen2);
    let see3 = seesKeys(key, i3 + 1u, seen3);
    s.a = select(vec4<f32>(-3.0e38), s.a * args.scale, see0);
    s.b = select(vec4<f32>(-3.0e38), s.b * args.scale, see1);
    s.c = select(vec4<f32>(-3.0e38), s.c * args.scale, see2);
    s.d = select(vec4<f32>(-3.0e38), s.d * args.scale, see3);
    putStat(vec4<f32>(largest(s.a), largest(s.b), largest(s.c), largest(s.d)), ty, tx);
    workgroupBarrier();
    var next = m;
    for (var x = 0u; x < 8u; x++) { next = max(next, statOf(ty, x)); }
    let shrink = exp(m - next);
    m = next;
    s.a = select(vec4<f32>(0.0), exp(s.a - m.x), see0);
    s.b = select(vec4<f32>(0.0), exp(s.b - m.y), see1);
    s.c = select(vec4<f32>(0.0), exp(s.c - m.z), see2);
    s.d = select(vec4<f32>(0.0), exp(s.d - m.w), see3);
    l = l * shrink + vec4<f32>(dot(s.a, vec4<f32>(1.0)), dot(s.b, vec4<f32>(1.0)), dot(s.c, vec4<f32>(1.0)), dot(s.d, vec4<f32>(1.0)));
    o0 = Block(o0.a * shrink.x, o0.b * shrink.y, o0.c * shrink.z, o0.d * shrink.w);
    o1 = Block(o1.a * shrink.x, o1.b * shrink.y, o1.c * shrink.z, o1.d * shrink.w);
    o2 = Block(o2.a * shrink.x, o2.b * shrink.y, o2.c * shrink.z, o2.d * shrink.w);
    o3 = Block(o3.a * shrink.x, o3.b * shrink.y, o3.c * shrink.z, o3.d * shrink.w);
    putWeights(s, ty, tx);
    for (var x = local; x < COLUMNS * 8u; x += 128u) {
      let d = part * 32u + x % 8u;
      tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + vHead + d], d < D4);
    }
    workgroupBarrier();
    o0 = weighTile(o0, ty, tx);
    if (SLABS > 1u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 8u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + vHead + d], d < D4);
      }
      workgroupBarrier();
      o1 = weighTile(o1, ty, tx);
    }
    if (SLABS > 2u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 16u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + vHead + d], d < D4);
      }
      workgroupBarrier();
      o2 = weighTile(o2, ty, tx);
    }
    if (SLABS > 3u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 24u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + vHead + d], d < D4);
      }
      workgroupBarrier();
      o3 = weighTile(o3, ty, tx);
    }
  }
  workgroupBarrier();
  l = sumOverColumns(l, ty, tx);
  if (begin + ty * 4u < args.T) {
    if (part * 32u + tx < D4) { o[((base + i0) * args.H + h) * D4 + part * 32u + tx] = o0.a / l.x; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { o[((base + i0) * args.H + h) * D4 + part * 32u + 8u + tx] = o1.a / l.x; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { o[((base + i0) * args.H + h) * D4 + part * 32u + 16u + tx] = o2.a / l.x; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { o[((base + i0) * args.H + h) * D4 + part * 32u + 24u + tx] = o3.a / l.x; }
  }
  if (begin + ty * 4u + 1u < args.T) {
    if (part * 32u + tx < D4) { o[((base + i1) * args.H + h) * D4 + part * 32u + tx] = o0.b / l.y; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { o[((base + i1) * args.H + h) * D4 + part * 32u + 8u + tx] = o1.b / l.y; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { o[((base + i1) * args.H + h) * D4 + part * 32u + 16u + tx] = o2.b / l.y; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { o[((base + i1) * args.H + h) * D4 + part * 32u + 24u + tx] = o3.b / l.y; }
  }
  if (begin + ty * 4u + 2u < args.T) {
    if (part * 32u + tx < D4) { o[((base + i2) * args.H + h) * D4 + part * 32u + tx] = o0.c / l.z; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { o[((base + i2) * args.H + h) * D4 + part * 32u + 8u + tx] = o1.c / l.z; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { o[((base + i2) * args.H + h) * D4 + part * 32u + 16u + tx] = o2.c / l.z; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { o[((base + i2) * args.H + h) * D4 + part * 32u + 24u + tx] = o3.c / l.z; }
  }
  if (begin + ty * 4u + 3u < args.T) {
    if (part * 32u + tx < D4) { o[((base + i3) * args.H + h) * D4 + part * 32u + tx] = o0.d / l.w; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { o[((base + i3) * args.H + h) * D4 + part * 32u + 8u + tx] = o1.d / l.w; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { o[((base + i3) * args.H + h) * D4 + part * 32u + 16u + tx] = o2.d / l.w; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { o[((base + i3) * args.H + h) * D4 + part * 32u + 24u + tx] = o3.d / l.w; }
  }
  if (part == 0u && tx == 0u) {
    let line = (b * args.H + h) * args.T;
    if (begin + ty * 4u < args.T) { L[line + i0] = m.x + log(l.x); }
    if (begin + ty * 4u + 1u < args.T) { L[line + i1] = m.y + log(l.y); }
    if (begin + ty * 4u + 2u < args.T) { L[line + i2] = m.z + log(l.z); }
    if (begin + ty * 4u + 3u < args.T) { L[line + i3] = m.w + log(l.w); }
  }
}
