// Body of Y = A B^T for few rows: the 64 lanes of a workgroup share K and compute ROWS rows x 8 columns, so that every weight is read once and in
// order. Needs ROWS (1 or 4), lib/matmul_args and loadB (four elements of B).
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"
const SUMS = 2u * ROWS; // vec4 per lane
var<workgroup> sums: array<vec4<f32>, 64u * SUMS>;

fn rowOfA(m: u32) -> u32 { return (args.aOffset + min(m, args.M - 1u) * args.lda) / 4u; }
fn rowOfB(n: u32) -> u32 { return (args.bOffset + min(n, args.N - 1u) * args.ldb) / 4u; }
fn share(row: u32, lane: u32, left: vec4<f32>, right: vec4<f32>) {
  sums[row * 128u + lane] = left;
  sums[row * 128u + 64u + lane] = right;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let m = group.y * ROWS;
  let n = group.x * 8u;
  let b0 = rowOfB(n + 0u);
  let b1 = rowOfB(n + 1u);
  let b2 = rowOfB(n + 2u);
  let b3 = rowOfB(n + 3u);
  let b4 = rowOfB(n + 4u);
  let b5 = rowOfB(n + 5u);
  let b6 = rowOfB(n + 6u);
  let b7 = rowOfB(n + 7u);
  let a0 = rowOfA(m + 0u);
  let a1 = rowOfA(m + 1u);
  let a2 = rowOfA(m + 2u);
  let a3 = rowOfA(m + 3u);
  var s00 = vec4<f32>(0.0); var s01 = vec4<f32>(0.0);
  var s10 = vec4<f32>(0.0); var s11 = vec4<f32>(0.0);
  var s20 = vec4<f32>(0.0); var s21 = vec4<f32>(0.0);
  var s30 = vec4<f32>(0.0); var s31 = vec4<f32>(0.0);
  for (var k = lane; k < args.K / 4u; k += 64u) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let w4 = loadB(b4 + k);
    let w5 = loadB(b5 + k);
    let w6 = loadB(b6 + k);
    let w7 = loadB(b7 + k);
    let x0 = a[a0 + k];
    s00 += vec4<f32>(dot(x0, w0), dot(x0, w1), dot(x0, w2), dot(x0, w3));
    s01 += vec4<f32>(dot(x0, w4), dot(x0, w5), dot(x0, w6), dot(x0, w7));
    if (ROWS > 1u) {
      let x1 = a[a1 + k];
      s10 += vec4<f32>(dot(x1, w0), dot(x1, w1), dot(x1, w2), dot(x1, w3));
      s11 += vec4<f32>(dot(x1, w4), dot(x1, w5), dot(x1, w6), dot(x1, w7));
      let x2 = a[a2 + k];
      s20 += vec4<f32>(dot(x2, w0), dot(x2, w1), dot(x2, w2), dot(x2, w3));
      s21 += vec4<f32>(dot(x2, w4), dot(x2, w5), dot(x2, w6), dot(x2, w7));
      let x3 = a[a3 + k];
      s30 += vec4<f32>(dot(x3, w0), dot(x3, w1), dot(x3, w2), dot(x3, w3));
      s31 += vec4<f32>(dot(x3, w4), dot(x3, w5), dot(x3, w6), dot(x3, w7));
    }
  }
  share(0u, lane, s00, s01);
  if (ROWS > 1u) {
    share(1u, lane, s10, s11);
    share(2u, lane, s20, s21);
    share(3u, lane, s30, s31);
  }
  workgroupBarrier();
  for (var s = 32u; s > 0u; s = s / 2u) {
    if (lane < s) {
      for (var v = 0u; v < SUMS; v++) { sums[v * 64u + lane] += sums[v * 64u + lane + s]; }
    }
    workgroupBarrier();
  }
  if (lane < SUMS) { put(0u, m + lane / 2u, n / 4u + lane % 2u, sums[lane * 64u]); }
}
