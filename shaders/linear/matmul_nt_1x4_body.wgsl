// Body of Y = A B^T with 1 row x 4 columns per thread. Needs lib/matmul_args and loadB (four elements of B).
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let m = (group.y * 8u + local.y) * 1u;
  let n4 = group.x * 8u + local.x;
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let b0 = (args.bOffset + min(n4 * 4u + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n4 * 4u + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n4 * 4u + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n4 * 4u + 3u, args.N - 1u) * args.ldb) / 4u;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0;
  for (var k = 0u; k < args.K / 4u; k++) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let x0 = a[a0 + k];
    s0_0 += dot(x0, w0); s0_1 += dot(x0, w1); s0_2 += dot(x0, w2); s0_3 += dot(x0, w3);
  }
  put(0u, m + 0u, n4 + 0u, vec4<f32>(s0_0, s0_1, s0_2, s0_3));
}
