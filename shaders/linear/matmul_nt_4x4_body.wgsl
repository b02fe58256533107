// Body of Y = A B^T with 4 rows x 4 columns per thread. Needs lib/matmul_args and loadB, four elements of B.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_nt_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 4u;
  let n = id.x * 4u;
  if (m >= args.M || n >= args.N) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let b0 = (args.bOffset + min(n + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n + 3u, args.N - 1u) * args.ldb) / 4u;
  var s00 = 0.0; var s01 = 0.0; var s02 = 0.0; var s03 = 0.0;
  var s10 = 0.0; var s11 = 0.0; var s12 = 0.0; var s13 = 0.0;
  var s20 = 0.0; var s21 = 0.0; var s22 = 0.0; var s23 = 0.0;
  var s30 = 0.0; var s31 = 0.0; var s32 = 0.0; var s33 = 0.0;
  for (var k = 0u; k < args.K / 4u; k++) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let x0 = a[a0 + k];
    s00 += dot(x0, w0); s01 += dot(x0, w1); s02 += dot(x0, w2); s03 += dot(x0, w3);
    let x1 = a[a1 + k];
    s10 += dot(x1, w0); s11 += dot(x1, w1); s12 += dot(x1, w2); s13 += dot(x1, w3);
    let x2 = a[a2 + k];
    s20 += dot(x2, w0); s21 += dot(x2, w1); s22 += dot(x2, w2); s23 += dot(x2, w3);
    let x3 = a[a3 + k];
    s30 += dot(x3, w0); s31 += dot(x3, w1); s32 += dot(x3, w2); s33 += dot(x3, w3);
  }
  put(m + 0u, n + 0u, s00); put(m + 0u, n + 1u, s01); put(m + 0u, n + 2u, s02); put(m + 0u, n + 3u, s03);
  put(m + 1u, n + 0u, s10); put(m + 1u, n + 1u, s11); put(m + 1u, n + 2u, s12); put(m + 1u, n + 3u, s13);
  put(m + 2u, n + 0u, s20); put(m + 2u, n + 1u, s21); put(m + 2u, n + 2u, s22); put(m + 2u, n + 3u, s23);
  put(m + 3u, n + 0u, s30); put(m + 3u, n + 1u, s31); put(m + 3u, n + 2u, s32); put(m + 3u, n + 3u, s33);
}
