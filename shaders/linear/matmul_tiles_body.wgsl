// Body of the tiled matmul in fours: SIDE x SIDE threads compute 8 SIDE x 8 SIDE outputs (8 x 8 each), K in steps of 16 through workgroup memory;
// the next step's values are on their way while this one's are multiplied. LAYOUT 0: Y = A B^T, 1: Y = A B, 2: Y = A^T B. K in parts.
// Needs LAYOUT, SIDE (8 or 16), lib/matmul_args and loadB (four elements of B).
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"
const SPAN = 2u * SIDE; // vec4 across a tile
const BLOCKS = 4u * SPAN; // blocks of 4 x 4 in a tile of 16 rows of k
const B_TILE = 16u * SPAN;
var<workgroup> tile: array<vec4<f32>, 32u * SPAN>; // A's, then B's: row k holds SPAN vec4, their places mixed by k so that banks differ

/** Four elements from k on of a row that runs along K; zero from `to` on. */
fn alongK(value: vec4<f32>, k: u32, to: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), value, vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(to));
}
fn fourA(row: u32, k: u32, to: u32) -> vec4<f32> {
  if (k >= to) { return vec4<f32>(0.0); }
  return alongK(a[(args.aOffset + min(row, args.M - 1u) * args.lda + k) / 4u], k, to);
}
fn fourB(row: u32, k: u32, to: u32) -> vec4<f32> {
  if (k >= to) { return vec4<f32>(0.0); }
  return alongK(loadB((args.bOffset + min(row, args.N - 1u) * args.ldb + k) / 4u), k, to);
}
/** Four columns of row k of a matrix whose rows run across; zero from `to` on. */
fn acrossA(k: u32, column4: u32, to: u32) -> vec4<f32> {
  if (k >= to) { return vec4<f32>(0.0); }
  return a[(args.aOffset + k * args.lda) / 4u + min(column4, (args.lda - 1u) / 4u)];
}
fn acrossB(k: u32, column4: u32, to: u32) -> vec4<f32> {
  if (k >= to) { return vec4<f32>(0.0); }
  return loadB((args.bOffset + k * args.ldb) / 4u + min(column4, args.N / 4u - 1u));
}

/** Block t of the step at k0, A's first: always four vectors across, one for each of four k. */
fn fetch(t: u32, k0: u32, to: u32, group: vec3<u32>) -> mat4x4<f32> {
  let u = t % BLOCKS;
  let isA = t < BLOCKS;
  if (isA && LAYOUT == 2u) {
    let k = k0 + u / SPAN * 4u;
    let column = group.y * SPAN + u % SPAN;
    return mat4x4<f32>(acrossA(k, column, to), acrossA(k + 1u, column, to), acrossA(k + 2u, column, to), acrossA(k + 3u, column, to));
  }
  if (!isA && LAYOUT != 0u) {
    let k = k0 + u / SPAN * 4u;
    let column = group.x * SPAN + u % SPAN;
    return mat4x4<f32>(acrossB(k, column, to), acrossB(k + 1u, column, to), acrossB(k + 2u, column, to), acrossB(k + 3u, column, to));
  }
  let k = k0 + u % 4u * 4u;
  if (isA) {
    let row = (group.y * SPAN + u / 4u) * 4u;
    return transpose(mat4x4<f32>(fourA(row, k, to), fourA(row + 1u, k, to), fourA(row + 2u, k, to), fourA(row + 3u, k, to)));
  }
  let row = (group.x * SPAN + u / 4u) * 4u;
  return transpose(mat4x4<f32>(fourB(row, k, to), fourB(row + 1u, k, to), fourB(row + 2u, k, to), fourB(row + 3u, k, to)));
}
fn keep(t: u32, block: mat4x4<f32>) {
  let u = t % BLOCKS;
  let isA = t < BLOCKS;
  let across = (isA && LAYOUT == 2u) || (!isA && LAYOUT != 0u);
  let kb = select(u % 4u, u / SPAN, across);
  let column = select(u / 4u, u % SPAN, across);
  let at = select(B_TILE, 0u, isA) + kb * 4u * SPAN + (column ^ (kb * 2u));
  tile[at] = block[0];
  tile[at + SPAN] = block[1];
  tile[at + 2u * SPAN] = block[2];
  tile[at + 3u * SPAN] = block[3];
}

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let perPart = ((args.K + args.parts - 1u) / args.parts + 15u) / 16u * 16u;
  let begin = group.z * perPart;
  let to = min(begin + perPart, args.K);
  var s00 = vec4<f32>(0.0); var s01 = vec4<f32>(0.0);
  var s10 = vec4<f32>(0.0); var s11 = vec4<f32>(0.0);
  var s20 = vec4<f32>(0.0); var s21 = vec4<f32>(0.0);
  var s30 = vec4<f32>(0.0); var s31 = vec4<f32>(0.0);
  var s40 = vec4<f32>(0.0); var s41 = vec4<f32>(0.0);
  var s50 = vec4<f32>(0.0); var s51 = vec4<f32>(0.0);
  var s60 = vec4<f32>(0.0); var s61 = vec4<f32>(0.0);
  var s70 = vec4<f32>(0.0); var s71 = vec4<f32>(0.0);
  var first = fetch(index, begin, to, group);
  var second = first;
  if (SIDE == 8u) { second = fetch(index + 64u, begin, to, group); }
  for (var k0 = begin; k0 < to; k0 += 16u) {
    workgroupBarrier();
    keep(index, first);
    if (SIDE == 8u) { keep(index + 64u, second); }
    workgroupBarrier();
    first = fetch(index, k0 + 16u, to, group);
    if (SIDE == 8u) { second = fetch(index + 64u, k0 + 16u, to, group); }
    for (var kb = 0u; kb < 4u; kb++) {
      let aAt = kb * 4u * SPAN + (local.y ^ (kb * 2u));
      let bAt = B_TILE + kb * 4u * SPAN + (local.x ^ (kb * 2u));
      for (var k = 0u; k < 4u; k++) {
        let x0 = tile[aAt + k * SPAN];
        let x1 = tile[aAt + k * SPAN + SIDE];
        let w0 = tile[bAt + k * SPAN];
        let w1 = tile[bAt + k * SPAN + SIDE];
        s00 += x0.x * w0; s01 += x0.x * w1;
        s10 += x0.y * w0; s11 += x0.y * w1;
        s20 += x0.z * w0; s21 += x0.z * w1;
        s30 += x0.w * w0; s31 += x0.w * w1;
        s40 += x1.x * w0; s41 += x1.x * w1;
        s50 += x1.y * w0; s51 += x1.y * w1;
        s60 += x1.z * w0; s61 += x1.z * w1;
        s70 += x1.w * w0; s71 += x1.w * w1;
      }
    }
  }
  let m = group.y * 4u * SPAN + local.y * 4u;
  let n4 = group.x * SPAN + local.x;
  put(group.z, m + 0u, n4, s00); put(group.z, m + 0u, n4 + SIDE, s01);
  put(group.z, m + 1u, n4, s10); put(group.z, m + 1u, n4 + SIDE, s11);
  put(group.z, m + 2u, n4, s20); put(group.z, m + 2u, n4 + SIDE, s21);
  put(group.z, m + 3u, n4, s30); put(group.z, m + 3u, n4 + SIDE, s31);
  put(group.z, m + SIDE * 4u + 0u, n4, s40); put(group.z, m + SIDE * 4u + 0u, n4 + SIDE, s41);
  put(group.z, m + SIDE * 4u + 1u, n4, s50); put(group.z, m + SIDE * 4u + 1u, n4 + SIDE, s51);
  put(group.z, m + SIDE * 4u + 2u, n4, s60); put(group.z, m + SIDE * 4u + 2u, n4 + SIDE, s61);
  put(group.z, m + SIDE * 4u + 3u, n4, s70); put(group.z, m + SIDE * 4u + 3u, n4 + SIDE, s71);
}
