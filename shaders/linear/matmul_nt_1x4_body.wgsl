// Body of Y = A B^T with 1 rows x 4 columns per thread. Needs lib/matmul_args and loadB, four elements of B.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_nt_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 1u;
  let n = id.x * 4u;
  if (m >= args.M || n >= args.N) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let b0 = (args.bOffset + min(n + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n + 3u, args.N - 1u) * args.ldb) / 4u;
  var s00 = 0.0; var s01 = 0.0; var s02 = 0.0; var s03 = 0.0;
  for (var k = 0u; k < args.K / 4u; k++) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let x0 = a[a0 + k];
    s00 += dot(x0, w0); s01 += dot(x0, w1); s02 += dot(x0, w2); s03 += dot(x0, w3);
  }
  put(m + 0u, n + 0u, s00); put(m + 0u, n + 1u, s01); put(m + 0u, n + 2u, s02); put(m + 0u, n + 3u, s03);
}
