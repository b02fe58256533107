// formula: delta_i = do_i . o_i; P_j = exp(S_j - L_i) recomputed; dq_i = scale sum_j P_j (do_i . v_j - delta_i) k_j
// in: qkv (B T, (H + 2K) D) f32, rotated; o, dO (B T, H D) f32; L (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the q part written; delta (B H T) f32 for the key and value pass
// grid: one workgroup of 128 per 64 queries of a head and 128 of its dimensions: `count` units from unit `first` on, unit n = (b H + head)
//       ceil(T / 64) + tile, parts of a unit one after the other; no atomics but the range of pinned keys
// cost: 6 B H T min(T, W) D flops, the scores again for every part of the head
// tolerance: 1e-7 normalised mean squared error
// guard: queries beyond the last are computed as the last and not written, dimensions beyond D are zero; D a multiple of 4 up to 256
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, first: u32, count: u32, scale: f32 }
// Groups of 32 dimensions that a workgroup sums up, 1 to 4.
override SLABS: u32 = 4u;
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> o: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dO: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> L: array<f32>;
@group(0) @binding(5) var<storage, read_write> spans: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;
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
  let line = (b * args.H + h) * args.T;
  let o0At = ((base + i0) * args.H + h) * D4;
  let o1At = ((base + i1) * args.H + h) * D4;
  let o2At = ((base + i2) * args.H + h) * D4;
  let o3At = ((base + i3) * args.H + h) * D4;
  var di = vec4<f32>(0.0);
  for (var d = tx; d < D4; d += 8u) {
    di.x += dot(dO[o0At + d], o[o0At + d]);
    di.y += dot(dO[o1At + d], o[o1At + d]);
    di.z += dot(dO[o2At + d], o[o2At + d]);
    di.w += dot(dO[o3At + d], o[o3At + d]);
  }
  di = sumOverColumns(di, ty, tx);
  let Li = vec4<f32>(L[line + i0], L[line + i1], L[line + i2], L[line + i3]);
  var dq0 = ZERO;
  var dq1 = ZERO;
  var dq2 = ZERO;
  var dq3 = ZERO;
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
    var dp = ZERO;
    for (var d0 = 0u; d0 < D4; d0 += 8u) {
      workgroupBarrier();
      for (var x = local; x < OWNERS * 8u; x += 128u) {
        let d = d0 + x % 8u;
        tile[x / 8u * 9u + x % 8u] = select(vec4<f32>(0.0), dO[((base + min(begin + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
      }
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = d0 + x % 8u;
        tile[columnSlot(x / 8u) + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + vHead + d], d < D4);
      }
      workgroupBarrier();
      dp = multiply(dp, ty, tx);
    }
    let key = j + tx * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let ds0 = exp(s.a * args.scale - Li.x) * (dp.a - di.x) * args.scale;
    s.a = select(vec4<f32>(0.0), ds0, seesKeys(key, i0 + 1u, seen0));
    let ds1 = exp(s.b * args.scale - Li.y) * (dp.b - di.y) * args.scale;
    s.b = select(vec4<f32>(0.0), ds1, seesKeys(key, i1 + 1u, seen1));
    let ds2 = exp(s.c * args.scale - Li.z) * (dp.c - di.z) * args.scale;
    s.c = select(vec4<f32>(0.0), ds2, seesKeys(key, i2 + 1u, seen2));
    let ds3 = exp(s.d * args.scale - Li.w) * (dp.d - di.w) * args.scale;
    s.d = select(vec4<f32>(0.0), ds3, seesKeys(key, i3 + 1u, seen3));
    workgroupBarrier();
    putWeights(s, ty, tx);
    for (var x = local; x < COLUMNS * 8u; x += 128u) {
      let d = part * 32u + x % 8u;
      tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + kHead + d], d < D4);
    }
    workgroupBarrier();
    dq0 = weighTile(dq0, ty, tx);
    if (SLABS > 1u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 8u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + kHead + d], d < D4);
      }
      workgroupBarrier();
      dq1 = weighTile(dq1, ty, tx);
    }
    if (SLABS > 2u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 16u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + kHead + d], d < D4);
      }
      workgroupBarrier();
      dq2 = weighTile(dq2, ty, tx);
    }
    if (SLABS > 3u) {
      workgroupBarrier();
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + 24u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(j + x / 8u, last)) * stride + kHead + d], d < D4);
      }
      workgroupBarrier();
      dq3 = weighTile(dq3, ty, tx);
    }
  }
  if (begin + ty * 4u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + i0) * stride + h * D4 + part * 32u + tx] = dq0.a; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + i0) * stride + h * D4 + part * 32u + 8u + tx] = dq1.a; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + i0) * stride + h * D4 + part * 32u + 16u + tx] = dq2.a; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + i0) * stride + h * D4 + part * 32u + 24u + tx] = dq3.a; }
  }
  if (begin + ty * 4u + 1u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + i1) * stride + h * D4 + part * 32u + tx] = dq0.b; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + i1) * stride + h * D4 + part * 32u + 8u + tx] = dq1.b; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + i1) * stride + h * D4 + part * 32u + 16u + tx] = dq2.b; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + i1) * stride + h * D4 + part * 32u + 24u + tx] = dq3.b; }
  }
  if (begin + ty * 4u + 2u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + i2) * stride + h * D4 + part * 32u + tx] = dq0.c; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + i2) * stride + h * D4 + part * 32u + 8u + tx] = dq1.c; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + i2) * stride + h * D4 + part * 32u + 16u + tx] = dq2.c; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + i2) * stride + h * D4 + part * 32u + 24u + tx] = dq3.c; }
  }
  if (begin + ty * 4u + 3u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + i3) * stride + h * D4 + part * 32u + tx] = dq0.d; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + i3) * stride + h * D4 + part * 32u + 8u + tx] = dq1.d; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + i3) * stride + h * D4 + part * 32u + 16u + tx] = dq2.d; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + i3) * stride + h * D4 + part * 32u + 24u + tx] = dq3.d; }
  }
  if (part == 0u && tx == 0u) {
    if (begin + ty * 4u < args.T) { delta[line + i0] = di.x; }
    if (begin + ty * 4u + 1u < args.T) { delta[line + i1] = di.y; }
    if (begin + ty * 4u + 2u < args.T) { delta[line + i2] = di.z; }
    if (begin + ty * 4u + 3u < args.T) { delta[line + i3] = di.w; }
  }
}
