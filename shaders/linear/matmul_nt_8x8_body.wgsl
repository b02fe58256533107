// Body of Y = A B^T with 8 rows x 8 columns per thread. Needs lib/matmul_args and loadB (four elements of B).
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let m = (group.y * 8u + local.y) * 8u;
  let n4 = (group.x * 8u + local.x) * 2u;
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let a4 = (args.aOffset + min(m + 4u, args.M - 1u) * args.lda) / 4u;
  let a5 = (args.aOffset + min(m + 5u, args.M - 1u) * args.lda) / 4u;
  let a6 = (args.aOffset + min(m + 6u, args.M - 1u) * args.lda) / 4u;
  let a7 = (args.aOffset + min(m + 7u, args.M - 1u) * args.lda) / 4u;
  let b0 = (args.bOffset + min(n4 * 4u + 0u, args.N - 1u) * args.ldb) / 4u;
  let b1 = (args.bOffset + min(n4 * 4u + 1u, args.N - 1u) * args.ldb) / 4u;
  let b2 = (args.bOffset + min(n4 * 4u + 2u, args.N - 1u) * args.ldb) / 4u;
  let b3 = (args.bOffset + min(n4 * 4u + 3u, args.N - 1u) * args.ldb) / 4u;
  let b4 = (args.bOffset + min(n4 * 4u + 4u, args.N - 1u) * args.ldb) / 4u;
  let b5 = (args.bOffset + min(n4 * 4u + 5u, args.N - 1u) * args.ldb) / 4u;
  let b6 = (args.bOffset + min(n4 * 4u + 6u, args.N - 1u) * args.ldb) / 4u;
  let b7 = (args.bOffset + min(n4 * 4u + 7u, args.N - 1u) * args.ldb) / 4u;
  var s0_0 = 0.0; var s0_1 = 0.0; var s0_2 = 0.0; var s0_3 = 0.0; var s0_4 = 0.0; var s0_5 = 0.0; var s0_6 = 0.0; var s0_7 = 0.0;
  var s1_0 = 0.0; var s1_1 = 0.0; var s1_2 = 0.0; var s1_3 = 0.0; var s1_4 = 0.0; var s1_5 = 0.0; var s1_6 = 0.0; var s1_7 = 0.0;
  var s2_0 = 0.0; var s2_1 = 0.0; var s2_2 = 0.0; var s2_3 = 0.0; var s2_4 = 0.0; var s2_5 = 0.0; var s2_6 = 0.0; var s2_7 = 0.0;
  var s3_0 = 0.0; var s3_1 = 0.0; var s3_2 = 0.0; var s3_3 = 0.0; var s3_4 = 0.0; var s3_5 = 0.0; var s3_6 = 0.0; var s3_7 = 0.0;
  var s4_0 = 0.0; var s4_1 = 0.0; var s4_2 = 0.0; var s4_3 = 0.0; var s4_4 = 0.0; var s4_5 = 0.0; var s4_6 = 0.0; var s4_7 = 0.0;
  var s5_0 = 0.0; var s5_1 = 0.0; var s5_2 = 0.0; var s5_3 = 0.0; var s5_4 = 0.0; var s5_5 = 0.0; var s5_6 = 0.0; var s5_7 = 0.0;
  var s6_0 = 0.0; var s6_1 = 0.0; var s6_2 = 0.0; var s6_3 = 0.0; var s6_4 = 0.0; var s6_5 = 0.0; var s6_6 = 0.0; var s6_7 = 0.0;
  var s7_0 = 0.0; var s7_1 = 0.0; var s7_2 = 0.0; var s7_3 = 0.0; var s7_4 = 0.0; var s7_5 = 0.0; var s7_6 = 0.0; var s7_7 = 0.0;
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
    s0_0 += dot(x0, w0); s0_1 += dot(x0, w1); s0_2 += dot(x0, w2); s0_3 += dot(x0, w3);
    s0_4 += dot(x0, w4); s0_5 += dot(x0, w5); s0_6 += dot(x0, w6); s0_7 += dot(x0, w7);
    let x1 = a[a1 + k];
    s1_0 += dot(x1, w0); s1_1 += dot(x1, w1); s1_2 += dot(x1, w2); s1_3 += dot(x1, w3);
    s1_4 += dot(x1, w4); s1_5 += dot(x1, w5); s1_6 += dot(x1, w6); s1_7 += dot(x1, w7);
    let x2 = a[a2 + k];
    s2_0 += dot(x2, w0); s2_1 += dot(x2, w1); s2_2 += dot(x2, w2); s2_3 += dot(x2, w3);
    s2_4 += dot(x2, w4); s2_5 += dot(x2, w5); s2_6 += dot(x2, w6); s2_7 += dot(x2, w7);
    let x3 = a[a3 + k];
    s3_0 += dot(x3, w0); s3_1 += dot(x3, w1); s3_2 += dot(x3, w2); s3_3 += dot(x3, w3);
    s3_4 += dot(x3, w4); s3_5 += dot(x3, w5); s3_6 += dot(x3, w6); s3_7 += dot(x3, w7);
    let x4 = a[a4 + k];
    s4_0 += dot(x4, w0); s4_1 += dot(x4, w1); s4_2 += dot(x4, w2); s4_3 += dot(x4, w3);
    s4_4 += dot(x4, w4); s4_5 += dot(x4, w5); s4_6 += dot(x4, w6); s4_7 += dot(x4, w7);
    let x5 = a[a5 + k];
    s5_0 += dot(x5, w0); s5_1 += dot(x5, w1); s5_2 += dot(x5, w2); s5_3 += dot(x5, w3);
    s5_4 += dot(x5, w4); s5_5 += dot(x5, w5); s5_6 += dot(x5, w6); s5_7 += dot(x5, w7);
    let x6 = a[a6 + k];
    s6_0 += dot(x6, w0); s6_1 += dot(x6, w1); s6_2 += dot(x6, w2); s6_3 += dot(x6, w3);
    s6_4 += dot(x6, w4); s6_5 += dot(x6, w5); s6_6 += dot(x6, w6); s6_7 += dot(x6, w7);
    let x7 = a[a7 + k];
    s7_0 += dot(x7, w0); s7_1 += dot(x7, w1); s7_2 += dot(x7, w2); s7_3 += dot(x7, w3);
    s7_4 += dot(x7, w4); s7_5 += dot(x7, w5); s7_6 += dot(x7, w6); s7_7 += dot(x7, w7);
  }
  put(0u, m + 0u, n4 + 0u, vec4<f32>(s0_0, s0_1, s0_2, s0_3));
  put(0u, m + 0u, n4 + 1u, vec4<f32>(s0_4, s0_5, s0_6, s0_7));
  put(0u, m + 1u, n4 + 0u, vec4<f32>(s1_0, s1_1, s1_2, s1_3));
  put(0u, m + 1u, n4 + 1u, vec4<f32>(s1_4, s1_5, s1_6, s1_7));
  put(0u, m + 2u, n4 + 0u, vec4<f32>(s2_0, s2_1, s2_2, s2_3));
  put(0u, m + 2u, n4 + 1u, vec4<f32>(s2_4, s2_5, s2_6, s2_7));
  put(0u, m + 3u, n4 + 0u, vec4<f32>(s3_0, s3_1, s3_2, s3_3));
  put(0u, m + 3u, n4 + 1u, vec4<f32>(s3_4, s3_5, s3_6, s3_7));
  put(0u, m + 4u, n4 + 0u, vec4<f32>(s4_0, s4_1, s4_2, s4_3));
  put(0u, m + 4u, n4 + 1u, vec4<f32>(s4_4, s4_5, s4_6, s4_7));
  put(0u, m + 5u, n4 + 0u, vec4<f32>(s5_0, s5_1, s5_2, s5_3));
  put(0u, m + 5u, n4 + 1u, vec4<f32>(s5_4, s5_5, s5_6, s5_7));
  put(0u, m + 6u, n4 + 0u, vec4<f32>(s6_0, s6_1, s6_2, s6_3));
  put(0u, m + 6u, n4 + 1u, vec4<f32>(s6_4, s6_5, s6_6, s6_7));
  put(0u, m + 7u, n4 + 0u, vec4<f32>(s7_0, s7_1, s7_2, s7_3));
  put(0u, m + 7u, n4 + 1u, vec4<f32>(s7_4, s7_5, s7_6, s7_7));
}
