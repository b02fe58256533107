// Body of Y = A B^T with 8 rows x 8 columns per thread. Needs lib/matmul_args and loadB, four elements of B.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_nt_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 8u;
  let n = id.x * 8u;
  if (m >= args.M || n >= args.N) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let a4 = (args.aOffset + min(m + 4u, args.M - 1u) * args.lda) / 4u;
  let a5 = (args.aOffset + min(m + 5u, args.M - 1u) * args.lda) / 4u;
  let a6 = (args.aOffset + min(m + 6u, args.M - 1u) * args.lda) / 4u;
  let a7 = (args.aOffset + min(m + 7u, args.M - 1u) * args.lda) / 4u;
  let b0 = (args.bOffset + min(n + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n + 3u, args.N - 1u) * args.ldb) / 4u;
  let b4 = (args.bOffset + min(n + 4u, args.N - 1u) * args.ldb) / 4u;
  let b5 = (args.bOffset + min(n + 5u, args.N - 1u) * args.ldb) / 4u;
  let b6 = (args.bOffset + min(n + 6u, args.N - 1u) * args.ldb) / 4u;
  let b7 = (args.bOffset + min(n + 7u, args.N - 1u) * args.ldb) / 4u;
  var s00 = 0.0; var s01 = 0.0; var s02 = 0.0; var s03 = 0.0; var s04 = 0.0; var s05 = 0.0; var s06 = 0.0; var s07 = 0.0;
  var s10 = 0.0; var s11 = 0.0; var s12 = 0.0; var s13 = 0.0; var s14 = 0.0; var s15 = 0.0; var s16 = 0.0; var s17 = 0.0;
  var s20 = 0.0; var s21 = 0.0; var s22 = 0.0; var s23 = 0.0; var s24 = 0.0; var s25 = 0.0; var s26 = 0.0; var s27 = 0.0;
  var s30 = 0.0; var s31 = 0.0; var s32 = 0.0; var s33 = 0.0; var s34 = 0.0; var s35 = 0.0; var s36 = 0.0; var s37 = 0.0;
  var s40 = 0.0; var s41 = 0.0; var s42 = 0.0; var s43 = 0.0; var s44 = 0.0; var s45 = 0.0; var s46 = 0.0; var s47 = 0.0;
  var s50 = 0.0; var s51 = 0.0; var s52 = 0.0; var s53 = 0.0; var s54 = 0.0; var s55 = 0.0; var s56 = 0.0; var s57 = 0.0;
  var s60 = 0.0; var s61 = 0.0; var s62 = 0.0; var s63 = 0.0; var s64 = 0.0; var s65 = 0.0; var s66 = 0.0; var s67 = 0.0;
  var s70 = 0.0; var s71 = 0.0; var s72 = 0.0; var s73 = 0.0; var s74 = 0.0; var s75 = 0.0; var s76 = 0.0; var s77 = 0.0;
  for (var k = 0u; k < args.K / 4u; k++) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let w4 = loadB(b4 + k);
    let w5 = loadB(b5 + k);
    let w6 = loadB(b6 + k);
    let w7 = loadB(b7 + k);
    let x0 = a[a0 + k];
    s00 += dot(x0, w0); s01 += dot(x0, w1); s02 += dot(x0, w2); s03 += dot(x0, w3); s04 += dot(x0, w4); s05 += dot(x0, w5); s06 += dot(x0, w6); s07 += dot(x0, w7);
    let x1 = a[a1 + k];
    s10 += dot(x1, w0); s11 += dot(x1, w1); s12 += dot(x1, w2); s13 += dot(x1, w3); s14 += dot(x1, w4); s15 += dot(x1, w5); s16 += dot(x1, w6); s17 += dot(x1, w7);
    let x2 = a[a2 + k];
    s20 += dot(x2, w0); s21 += dot(x2, w1); s22 += dot(x2, w2); s23 += dot(x2, w3); s24 += dot(x2, w4); s25 += dot(x2, w5); s26 += dot(x2, w6); s27 += dot(x2, w7);
    let x3 = a[a3 + k];
    s30 += dot(x3, w0); s31 += dot(x3, w1); s32 += dot(x3, w2); s33 += dot(x3, w3); s34 += dot(x3, w4); s35 += dot(x3, w5); s36 += dot(x3, w6); s37 += dot(x3, w7);
    let x4 = a[a4 + k];
    s40 += dot(x4, w0); s41 += dot(x4, w1); s42 += dot(x4, w2); s43 += dot(x4, w3); s44 += dot(x4, w4); s45 += dot(x4, w5); s46 += dot(x4, w6); s47 += dot(x4, w7);
    let x5 = a[a5 + k];
    s50 += dot(x5, w0); s51 += dot(x5, w1); s52 += dot(x5, w2); s53 += dot(x5, w3); s54 += dot(x5, w4); s55 += dot(x5, w5); s56 += dot(x5, w6); s57 += dot(x5, w7);
    let x6 = a[a6 + k];
    s60 += dot(x6, w0); s61 += dot(x6, w1); s62 += dot(x6, w2); s63 += dot(x6, w3); s64 += dot(x6, w4); s65 += dot(x6, w5); s66 += dot(x6, w6); s67 += dot(x6, w7);
    let x7 = a[a7 + k];
    s70 += dot(x7, w0); s71 += dot(x7, w1); s72 += dot(x7, w2); s73 += dot(x7, w3); s74 += dot(x7, w4); s75 += dot(x7, w5); s76 += dot(x7, w6); s77 += dot(x7, w7);
  }
  put(m + 0u, n + 0u, s00); put(m + 0u, n + 1u, s01); put(m + 0u, n + 2u, s02); put(m + 0u, n + 3u, s03); put(m + 0u, n + 4u, s04); put(m + 0u, n + 5u, s05); put(m + 0u, n + 6u, s06); put(m + 0u, n + 7u, s07);
  put(m + 1u, n + 0u, s10); put(m + 1u, n + 1u, s11); put(m + 1u, n + 2u, s12); put(m + 1u, n + 3u, s13); put(m + 1u, n + 4u, s14); put(m + 1u, n + 5u, s15); put(m + 1u, n + 6u, s16); put(m + 1u, n + 7u, s17);
  put(m + 2u, n + 0u, s20); put(m + 2u, n + 1u, s21); put(m + 2u, n + 2u, s22); put(m + 2u, n + 3u, s23); put(m + 2u, n + 4u, s24); put(m + 2u, n + 5u, s25); put(m + 2u, n + 6u, s26); put(m + 2u, n + 7u, s27);
  put(m + 3u, n + 0u, s30); put(m + 3u, n + 1u, s31); put(m + 3u, n + 2u, s32); put(m + 3u, n + 3u, s33); put(m + 3u, n + 4u, s34); put(m + 3u, n + 5u, s35); put(m + 3u, n + 6u, s36); put(m + 3u, n + 7u, s37);
  put(m + 4u, n + 0u, s40); put(m + 4u, n + 1u, s41); put(m + 4u, n + 2u, s42); put(m + 4u, n + 3u, s43); put(m + 4u, n + 4u, s44); put(m + 4u, n + 5u, s45); put(m + 4u, n + 6u, s46); put(m + 4u, n + 7u, s47);
  put(m + 5u, n + 0u, s50); put(m + 5u, n + 1u, s51); put(m + 5u, n + 2u, s52); put(m + 5u, n + 3u, s53); put(m + 5u, n + 4u, s54); put(m + 5u, n + 5u, s55); put(m + 5u, n + 6u, s56); put(m + 5u, n + 7u, s57);
  put(m + 6u, n + 0u, s60); put(m + 6u, n + 1u, s61); put(m + 6u, n + 2u, s62); put(m + 6u, n + 3u, s63); put(m + 6u, n + 4u, s64); put(m + 6u, n + 5u, s65); put(m + 6u, n + 6u, s66); put(m + 6u, n + 7u, s67);
  put(m + 7u, n + 0u, s70); put(m + 7u, n + 1u, s71); put(m + 7u, n + 2u, s72); put(m + 7u, n + 3u, s73); put(m + 7u, n + 4u, s74); put(m + 7u, n + 5u, s75); put(m + 7u, n + 6u, s76); put(m + 7u, n + 7u, s77);
}
