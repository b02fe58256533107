// Body of Y = A B^T with 4 rows x 4 columns per thread, where each of the four lanes of a quad loads one of the
// four values of A that they all need. Needs lib/matmul_args and loadB (four elements of B); a workgroup is one row of threads.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 1)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let m = group.y * 4u;
  let n4 = group.x * 8u + local.x;
  let quarter = lane % 4u;
  let a0 = args.aOffset + min(m + 0u, args.M - 1u) * args.lda + quarter;
  let a1 = args.aOffset + min(m + 1u, args.M - 1u) * args.lda + quarter;
  let a2 = args.aOffset + min(m + 2u, args.M - 1u) * args.lda + quarter;
  let a3 = args.aOffset + min(m + 3u, args.M - 1u) * args.lda + quarter;
  let b0 = (args.bOffset + min(n4 * 4u + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n4 * 4u + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n4 * 4u + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n4 * 4u + 3u, args.N - 1u) * args.ldb) / 4u;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0;
  for (var k = 0u; k < args.K / 4u; k++) {
    let w0 = loadB(b0 + k);
    let w1 = loadB(b1 + k);
    let w2 = loadB(b2 + k);
    let w3 = loadB(b3 + k);
    let q0 = a[a0 + 4u * k];
    let x0 = vec4<f32>(quadBroadcast(q0, 0u), quadBroadcast(q0, 1u), quadBroadcast(q0, 2u), quadBroadcast(q0, 3u));
    s0_0 += dot(x0, w0); s0_1 += dot(x0, w1); s0_2 += dot(x0, w2); s0_3 += dot(x0, w3);
    let q1 = a[a1 + 4u * k];
    let x1 = vec4<f32>(quadBroadcast(q1, 0u), quadBroadcast(q1, 1u), quadBroadcast(q1, 2u), quadBroadcast(q1, 3u));
    s1_0 += dot(x1, w0); s1_1 += dot(x1, w1); s1_2 += dot(x1, w2); s1_3 += dot(x1, w3);
    let q2 = a[a2 + 4u * k];
    let x2 = vec4<f32>(quadBroadcast(q2, 0u), quadBroadcast(q2, 1u), quadBroadcast(q2, 2u), quadBroadcast(q2, 3u));
    s2_0 += dot(x2, w0); s2_1 += dot(x2, w1); s2_2 += dot(x2, w2); s2_3 += dot(x2, w3);
    let q3 = a[a3 + 4u * k];
    let x3 = vec4<f32>(quadBroadcast(q3, 0u), quadBroadcast(q3, 1u), quadBroadcast(q3, 2u), quadBroadcast(q3, 3u));
    s3_0 += dot(x3, w0); s3_1 += dot(x3, w1); s3_2 += dot(x3, w2); s3_3 += dot(x3, w3);
  }
  put(0u, m + 0u, n4 + 0u, vec4<f32>(s0_0, s0_1, s0_2, s0_3));
  put(0u, m + 1u, n4 + 0u, vec4<f32>(s1_0, s1_1, s1_2, s1_3));
  put(0u, m + 2u, n4 + 0u, vec4<f32>(s2_0, s2_1, s2_2, s2_3));
  put(0u, m + 3u, n4 + 0u, vec4<f32>(s3_0, s3_1, s3_2, s3_3));
}
