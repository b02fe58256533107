// Body of Y = A B with 8 rows x 8 columns per thread. Needs lib/matmul_args and loadB, four elements of B.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_rows_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 8u;
  let n = id.x * 2u;
  let N4 = args.N / 4u;
  if (m >= args.M || n >= N4) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let a4 = (args.aOffset + min(m + 4u, args.M - 1u) * args.lda) / 4u;
  let a5 = (args.aOffset + min(m + 5u, args.M - 1u) * args.lda) / 4u;
  let a6 = (args.aOffset + min(m + 6u, args.M - 1u) * args.lda) / 4u;
  let a7 = (args.aOffset + min(m + 7u, args.M - 1u) * args.lda) / 4u;
  let n0 = min(n + 0u, N4 - 1u);
  let n1 = min(n + 1u, N4 - 1u);
  var s00 = vec4<f32>(0.0); var s01 = vec4<f32>(0.0);
  var s10 = vec4<f32>(0.0); var s11 = vec4<f32>(0.0);
  var s20 = vec4<f32>(0.0); var s21 = vec4<f32>(0.0);
  var s30 = vec4<f32>(0.0); var s31 = vec4<f32>(0.0);
  var s40 = vec4<f32>(0.0); var s41 = vec4<f32>(0.0);
  var s50 = vec4<f32>(0.0); var s51 = vec4<f32>(0.0);
  var s60 = vec4<f32>(0.0); var s61 = vec4<f32>(0.0);
  var s70 = vec4<f32>(0.0); var s71 = vec4<f32>(0.0);
  for (var k = 0u; k < args.K; k += 4u) {
    let x0 = a[a0 + k / 4u];
    let x1 = a[a1 + k / 4u];
    let x2 = a[a2 + k / 4u];
    let x3 = a[a3 + k / 4u];
    let x4 = a[a4 + k / 4u];
    let x5 = a[a5 + k / 4u];
    let x6 = a[a6 + k / 4u];
    let x7 = a[a7 + k / 4u];
    let row0 = (args.bOffset + min(k + 0u, args.K - 1u) * args.ldb) / 4u;
    let w00 = loadB(row0 + n0);
    let w01 = loadB(row0 + n1);
    s00 += x0.x * w00; s01 += x0.x * w01;
    s10 += x1.x * w00; s11 += x1.x * w01;
    s20 += x2.x * w00; s21 += x2.x * w01;
    s30 += x3.x * w00; s31 += x3.x * w01;
    s40 += x4.x * w00; s41 += x4.x * w01;
    s50 += x5.x * w00; s51 += x5.x * w01;
    s60 += x6.x * w00; s61 += x6.x * w01;
    s70 += x7.x * w00; s71 += x7.x * w01;
    let row1 = (args.bOffset + min(k + 1u, args.K - 1u) * args.ldb) / 4u;
    let w10 = loadB(row1 + n0);
    let w11 = loadB(row1 + n1);
    s00 += x0.y * w10; s01 += x0.y * w11;
    s10 += x1.y * w10; s11 += x1.y * w11;
    s20 += x2.y * w10; s21 += x2.y * w11;
    s30 += x3.y * w10; s31 += x3.y * w11;
    s40 += x4.y * w10; s41 += x4.y * w11;
    s50 += x5.y * w10; s51 += x5.y * w11;
    s60 += x6.y * w10; s61 += x6.y * w11;
    s70 += x7.y * w10; s71 += x7.y * w11;
    let row2 = (args.bOffset + min(k + 2u, args.K - 1u) * args.ldb) / 4u;
    let w20 = loadB(row2 + n0);
    let w21 = loadB(row2 + n1);
    s00 += x0.z * w20; s01 += x0.z * w21;
    s10 += x1.z * w20; s11 += x1.z * w21;
    s20 += x2.z * w20; s21 += x2.z * w21;
    s30 += x3.z * w20; s31 += x3.z * w21;
    s40 += x4.z * w20; s41 += x4.z * w21;
    s50 += x5.z * w20; s51 += x5.z * w21;
    s60 += x6.z * w20; s61 += x6.z * w21;
    s70 += x7.z * w20; s71 += x7.z * w21;
    let row3 = (args.bOffset + min(k + 3u, args.K - 1u) * args.ldb) / 4u;
    let w30 = loadB(row3 + n0);
    let w31 = loadB(row3 + n1);
    s00 += x0.w * w30; s01 += x0.w * w31;
    s10 += x1.w * w30; s11 += x1.w * w31;
    s20 += x2.w * w30; s21 += x2.w * w31;
    s30 += x3.w * w30; s31 += x3.w * w31;
    s40 += x4.w * w30; s41 += x4.w * w31;
    s50 += x5.w * w30; s51 += x5.w * w31;
    s60 += x6.w * w30; s61 += x6.w * w31;
    s70 += x7.w * w30; s71 += x7.w * w31;
  }
  put(0u, m + 0u, n + 0u, s00); put(0u, m + 0u, n + 1u, s01);
  put(0u, m + 1u, n + 0u, s10); put(0u, m + 1u, n + 1u, s11);
  put(0u, m + 2u, n + 0u, s20); put(0u, m + 2u, n + 1u, s21);
  put(0u, m + 3u, n + 0u, s30); put(0u, m + 3u, n + 1u, s31);
  put(0u, m + 4u, n + 0u, s40); put(0u, m + 4u, n + 1u, s41);
  put(0u, m + 5u, n + 0u, s50); put(0u, m + 5u, n + 1u, s51);
  put(0u, m + 6u, n + 0u, s60); put(0u, m + 6u, n + 1u, s61);
  put(0u, m + 7u, n + 0u, s70); put(0u, m + 7u, n + 1u, s71);
}
