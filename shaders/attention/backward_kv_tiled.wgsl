// formula: for the queries i that see j: P_i = exp(S_ij - L_i); dv_j = sum_i P_i do_i; dk_j = scale sum_i P_i (do_i . v_j - delta_i) q_i,
//          summed over the H / K query heads of the group
// in: qkv (B T, (H + 2K) D) f32, rotated; dO (B T, H D) f32; L, delta (B H T) f32; spans (B T) vec4 of u32, unread with spanned = 0
// out: dqkv (B T, (H + 2K) D) f32, the k and v parts written
// grid: one workgroup of 128 per 64 keys of a head and 128 of its dimensions: `count` units from unit `first` on, unit n = (b K + head)
//       ceil(T / 64) + tile, parts of a unit one after the other; no atomics
// cost: 8 B H T min(T, W) D flops, the scores again for every part of the head
// tolerance: 1e-7 normalised mean squared error
// guard: keys beyond the last are computed as the last and not written, dimensions beyond D are zero; D a multiple of 4 up to 256
struct Args { T: u32, H: u32, K: u32, D: u32, W: u32, spanned: u32, pinned: u32, first: u32, count: u32, scale: f32 }
// Groups of 32 dimensions that a workgroup sums up, 1 to 4.
override SLABS: u32 = 4u;
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
//!include "lib/attention_tile.wgsl"
var<workgroup> queryTiles: vec2<u32>;

// Which of the four queries i from the thread's first on see key j before its end; spans (lo, hi) are theirs.
fn seen(i: vec4<u32>, j: u32, end: u32, lo: vec4<u32>, hi: vec4<u32>) -> vec4<bool> {
  let before = (i >= vec4<u32>(j)) & (i < vec4<u32>(end));
  if (args.pinned == 0u) { return before; }
  let window = (i - vec4<u32>(j) < vec4<u32>(args.W)) | vec4<bool>(args.W == 0u);
  return before & (window | ((vec4<u32>(j) >= lo) & (vec4<u32>(j) < hi)));
}

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
  let kv = n / tiles % args.K;
  let b = n / (tiles * args.K);
  let base = b * args.T;
  let perGroup = args.H / args.K;
  let stride = (args.H + 2u * args.K) * D4;
  let kHead = (args.H + kv) * D4;
  let vHead = kHead + args.K * D4;
  let ty = local / 8u;
  let tx = local % 8u;
  let j0 = min(begin + ty * 4u, last);
  let j1 = min(begin + ty * 4u + 1u, last);
  let j2 = min(begin + ty * 4u + 2u, last);
  let j3 = min(begin + ty * 4u + 3u, last);
  let end0 = seersEnd(j0, args.T, args.W, spanOf(base + j0).y, args.pinned);
  let end1 = seersEnd(j1, args.T, args.W, spanOf(base + j1).y, args.pinned);
  let end2 = seersEnd(j2, args.T, args.W, spanOf(base + j2).y, args.pinned);
  let end3 = seersEnd(j3, args.T, args.W, spanOf(base + j3).y, args.pinned);
  if (local == 0u) {
    let lastKey = min(begin + OWNERS, args.T) - 1u;
    let end = seersEnd(lastKey, args.T, args.W, spanOf(base + lastKey).y, args.pinned);
    queryTiles = vec2<u32>(begin / COLUMNS, (end + COLUMNS - 1u) / COLUMNS);
  }
  let range = workgroupUniformLoad(&queryTiles);
  var dk0 = ZERO;
  var dk1 = ZERO;
  var dk2 = ZERO;
  var dk3 = ZERO;
  var dv0 = ZERO;
  var dv1 = ZERO;
  var dv2 = ZERO;
  var dv3 = ZERO;
  for (var g = 0u; g < perGroup; g++) {
    let h = kv * perGroup + g;
    let line = (b * args.H + h) * args.T;
    for (var t = range.x; t < range.y; t++) {
      let i = t * COLUMNS;
      var s = ZERO;
      for (var d0 = 0u; d0 < D4; d0 += 8u) {
        workgroupBarrier();
        for (var x = local; x < OWNERS * 8u; x += 128u) {
          let d = d0 + x % 8u;
          tile[x / 8u * 9u + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(begin + x / 8u, last)) * stride + kHead + d], d < D4);
        }
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = d0 + x % 8u;
          tile[columnSlot(x / 8u) + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(i + x / 8u, last)) * stride + h * D4 + d], d < D4);
        }
        workgroupBarrier();
        s = multiply(s, ty, tx);
      }
      var dp = ZERO;
      for (var d0 = 0u; d0 < D4; d0 += 8u) {
        workgroupBarrier();
        for (var x = local; x < OWNERS * 8u; x += 128u) {
          let d = d0 + x % 8u;
          tile[x / 8u * 9u + x % 8u] = select(vec4<f32>(0.0), qkv[(base + min(begin + x / 8u, last)) * stride + vHead + d], d < D4);
        }
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = d0 + x % 8u;
          tile[columnSlot(x / 8u) + x % 8u] = select(vec4<f32>(0.0), dO[((base + min(i + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
        }
        workgroupBarrier();
        dp = multiply(dp, ty, tx);
      }
      let query = i + tx * 4u + vec4<u32>(0u, 1u, 2u, 3u);
      let row = line + min(query, vec4<u32>(last));
      let Li = vec4<f32>(L[row.x], L[row.y], L[row.z], L[row.w]);
      let di = vec4<f32>(delta[row.x], delta[row.y], delta[row.z], delta[row.w]);
      var lo = vec4<u32>(0u);
      var hi = vec4<u32>(0u);
      if (args.pinned == 1u) {
        let at = base + min(query, vec4<u32>(last));
        let s0 = spanOf(at.x);
        let s1 = spanOf(at.y);
        let s2 = spanOf(at.z);
        let s3 = spanOf(at.w);
        lo = vec4<u32>(s0.z, s1.z, s2.z, s3.z);
        hi = vec4<u32>(s0.w, s1.w, s2.w, s3.w);
      }
      s.a = select(vec4<f32>(0.0), exp(s.a * args.scale - Li), seen(query, j0, end0, lo, hi));
      dp.a = s.a * (dp.a - di) * args.scale;
      s.b = select(vec4<f32>(0.0), exp(s.b * args.scale - Li), seen(query, j1, end1, lo, hi));
      dp.b = s.b * (dp.b - di) * args.scale;
      s.c = select(vec4<f32>(0.0), exp(s.c * args.scale - Li), seen(query, j2, end2, lo, hi));
      dp.c = s.c * (dp.c - di) * args.scale;
      s.d = select(vec4<f32>(0.0), exp(s.d * args.scale - Li), seen(query, j3, end3, lo, hi));
      dp.d = s.d * (dp.d - di) * args.scale;
      workgroupBarrier();
      putWeights(s, ty, tx);
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), dO[((base + min(i + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
      }
      workgroupBarrier();
      dv0 = weighTile(dv0, ty, tx);
      if (SLABS > 1u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 8u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), dO[((base + min(i + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
        }
        workgroupBarrier();
        dv1 = weighTile(dv1, ty, tx);
      }
      if (SLABS > 2u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 16u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), dO[((base + min(i + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
        }
        workgroupBarrier();
        dv2 = weighTile(dv2, ty, tx);
      }
      if (SLABS > 3u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 24u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), dO[((base + min(i + x / 8u, last)) * args.H + h) * D4 + d], d < D4);
        }
        workgroupBarrier();
        dv3 = weighTile(dv3, ty, tx);
      }
      workgroupBarrier();
      putWeights(dp, ty, tx);
      for (var x = local; x < COLUMNS * 8u; x += 128u) {
        let d = part * 32u + x % 8u;
        tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(i + x / 8u, last)) * stride + h * D4 + d], d < D4);
      }
      workgroupBarrier();
      dk0 = weighTile(dk0, ty, tx);
      if (SLABS > 1u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 8u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(i + x / 8u, last)) * stride + h * D4 + d], d < D4);
        }
        workgroupBarrier();
        dk1 = weighTile(dk1, ty, tx);
      }
      if (SLABS > 2u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 16u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(i + x / 8u, last)) * stride + h * D4 + d], d < D4);
        }
        workgroupBarrier();
        dk2 = weighTile(dk2, ty, tx);
      }
      if (SLABS > 3u) {
        workgroupBarrier();
        for (var x = local; x < COLUMNS * 8u; x += 128u) {
          let d = part * 32u + 24u + x % 8u;
          tile[SECOND + x] = select(vec4<f32>(0.0), qkv[(base + min(i + x / 8u, last)) * stride + h * D4 + d], d < D4);
        }
        workgroupBarrier();
        dk3 = weighTile(dk3, ty, tx);
      }
    }
  }
  if (begin + ty * 4u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j0) * stride + kHead + part * 32u + tx] = dk0.a; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j0) * stride + kHead + part * 32u + 8u + tx] = dk1.a; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j0) * stride + kHead + part * 32u + 16u + tx] = dk2.a; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j0) * stride + kHead + part * 32u + 24u + tx] = dk3.a; }
  }
  if (begin + ty * 4u + 1u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j1) * stride + kHead + part * 32u + tx] = dk0.b; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j1) * stride + kHead + part * 32u + 8u + tx] = dk1.b; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j1) * stride + kHead + part * 32u + 16u + tx] = dk2.b; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j1) * stride + kHead + part * 32u + 24u + tx] = dk3.b; }
  }
  if (begin + ty * 4u + 2u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j2) * stride + kHead + part * 32u + tx] = dk0.c; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j2) * stride + kHead + part * 32u + 8u + tx] = dk1.c; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j2) * stride + kHead + part * 32u + 16u + tx] = dk2.c; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j2) * stride + kHead + part * 32u + 24u + tx] = dk3.c; }
  }
  if (begin + ty * 4u + 3u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j3) * stride + kHead + part * 32u + tx] = dk0.d; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j3) * stride + kHead + part * 32u + 8u + tx] = dk1.d; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j3) * stride + kHead + part * 32u + 16u + tx] = dk2.d; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j3) * stride + kHead + part * 32u + 24u + tx] = dk3.d; }
  }
  if (begin + ty * 4u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j0) * stride + vHead + part * 32u + tx] = dv0.a; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j0) * stride + vHead + part * 32u + 8u + tx] = dv1.a; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j0) * stride + vHead + part * 32u + 16u + tx] = dv2.a; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j0) * stride + vHead + part * 32u + 24u + tx] = dv3.a; }
  }
  if (begin + ty * 4u + 1u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j1) * stride + vHead + part * 32u + tx] = dv0.b; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j1) * stride + vHead + part * 32u + 8u + tx] = dv1.b; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j1) * stride + vHead + part * 32u + 16u + tx] = dv2.b; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j1) * stride + vHead + part * 32u + 24u + tx] = dv3.b; }
  }
  if (begin + ty * 4u + 2u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j2) * stride + vHead + part * 32u + tx] = dv0.c; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j2) * stride + vHead + part * 32u + 8u + tx] = dv1.c; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j2) * stride + vHead + part * 32u + 16u + tx] = dv2.c; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j2) * stride + vHead + part * 32u + 24u + tx] = dv3.c; }
  }
  if (begin + ty * 4u + 3u < args.T) {
    if (part * 32u + tx < D4) { dqkv[(base + j3) * stride + vHead + part * 32u + tx] = dv0.d; }
    if (SLABS > 1u && part * 32u + 8u + tx < D4) { dqkv[(base + j3) * stride + vHead + part * 32u + 8u + tx] = dv1.d; }
    if (SLABS > 2u && part * 32u + 16u + tx < D4) { dqkv[(base + j3) * stride + vHead + part * 32u + 16u + tx] = dv2.d; }
    if (SLABS > 3u && part * 32u + 24u + tx < D4) { dqkv[(base + j3) * stride + vHead + part * 32u + 24u + tx] = dv3.d; }
  }
}
