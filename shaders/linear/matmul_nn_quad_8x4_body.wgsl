// Body of Y = A B with 8 rows x 4 columns per thread, where each of the four lanes of a quad loads one of the
// four values of A that they all need. Needs lib/matmul_args and loadB (four elements of B); a workgroup is one row of threads.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 1)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let m = group.y * 8u;
  let n4 = group.x * 8u + local.x;
  let quarter = lane % 4u;
  let a0 = args.aOffset + min(m + 0u, args.M - 1u) * args.lda + quarter;
  let a1 = args.aOffset + min(m + 1u, args.M - 1u) * args.lda + quarter;
  let a2 = args.aOffset + min(m + 2u, args.M - 1u) * args.lda + quarter;
  let a3 = args.aOffset + min(m + 3u, args.M - 1u) * args.lda + quarter;
  let a4 = args.aOffset + min(m + 4u, args.M - 1u) * args.lda + quarter;
  let a5 = args.aOffset + min(m + 5u, args.M - 1u) * args.lda + quarter;
  let a6 = args.aOffset + min(m + 6u, args.M - 1u) * args.lda + quarter;
  let a7 = args.aOffset + min(m + 7u, args.M - 1u) * args.lda + quarter;
  let b0 = args.bOffset / 4u + min(n4 + 0u, args.N / 4u - 1u);
  let ldb4 = args.ldb / 4u;
  var s0_0 = vec4<f32>(0.0);
  var s1_0 = vec4<f32>(0.0);
  var s2_0 = vec4<f32>(0.0);
  var s3_0 = vec4<f32>(0.0);
  var s4_0 = vec4<f32>(0.0);
  var s5_0 = vec4<f32>(0.0);
  var s6_0 = vec4<f32>(0.0);
  var s7_0 = vec4<f32>(0.0);
  for (var k = 0u; k < args.K; k += 4u) {
    let row0 = min(k + 0u, args.K - 1u) * ldb4;
    let w0_0 = loadB(row0 + b0);
    let row1 = min(k + 1u, args.K - 1u) * ldb4;
    let w1_0 = loadB(row1 + b0);
    let row2 = min(k + 2u, args.K - 1u) * ldb4;
    let w2_0 = loadB(row2 + b0);
    let row3 = min(k + 3u, args.K - 1u) * ldb4;
    let w3_0 = loadB(row3 + b0);
    let q0 = a[a0 + k];
    let x0 = vec4<f32>(quadBroadcast(q0, 0u), quadBroadcast(q0, 1u), quadBroadcast(q0, 2u), quadBroadcast(q0, 3u));
    s0_0 += x0.x * w0_0 + x0.y * w1_0 + x0.z * w2_0 + x0.w * w3_0;
    let q1 = a[a1 + k];
    let x1 = vec4<f32>(quadBroadcast(q1, 0u), quadBroadcast(q1, 1u), quadBroadcast(q1, 2u), quadBroadcast(q1, 3u));
    s1_0 += x1.x * w0_0 + x1.y * w1_0 + x1.z * w2_0 + x1.w * w3_0;
    let q2 = a[a2 + k];
    let x2 = vec4<f32>(quadBroadcast(q2, 0u), quadBroadcast(q2, 1u), quadBroadcast(q2, 2u), quadBroadcast(q2, 3u));
    s2_0 += x2.x * w0_0 + x2.y * w1_0 + x2.z * w2_0 + x2.w * w3_0;
    let q3 = a[a3 + k];
    let x3 = vec4<f32>(quadBroadcast(q3, 0u), quadBroadcast(q3, 1u), quadBroadcast(q3, 2u), quadBroadcast(q3, 3u));
    s3_0 += x3.x * w0_0 + x3.y * w1_0 + x3.z * w2_0 + x3.w * w3_0;
    let q4 = a[a4 + k];
    let x4 = vec4<f32>(quadBroadcast(q4, 0u), quadBroadcast(q4, 1u), quadBroadcast(q4, 2u), quadBroadcast(q4, 3u));
    s4_0 += x4.x * w0_0 + x4.y * w1_0 + x4.z * w2_0 + x4.w * w3_0;
    let q5 = a[a5 + k];
    let x5 = vec4<f32>(quadBroadcast(q5, 0u), quadBroadcast(q5, 1u), quadBroadcast(q5, 2u), quadBroadcast(q5, 3u));
    s5_0 += x5.x * w0_0 + x5.y * w1_0 + x5.z * w2_0 + x5.w * w3_0;
    let q6 = a[a6 + k];
    let x6 = vec4<f32>(quadBroadcast(q6, 0u), quadBroadcast(q6, 1u), quadBroadcast(q6, 2u), quadBroadcast(q6, 3u));
    s6_0 += x6.x * w0_0 + x6.y * w1_0 + x6.z * w2_0 + x6.w * w3_0;
    let q7 = a[a7 + k];
    let x7 = vec4<f32>(quadBroadcast(q7, 0u), quadBroadcast(q7, 1u), quadBroadcast(q7, 2u), quadBroadcast(q7, 3u));
    s7_0 += x7.x * w0_0 + x7.y * w1_0 + x7.z * w2_0 + x7.w * w3_0;
  }
  put(0u, m + 0u, n4 + 0u, s0_0);
  put(0u, m + 1u, n4 + 0u, s1_0);
  put(0u, m + 2u, n4 + 0u, s2_0);
  put(0u, m + 3u, n4 + 0u, s3_0);
  put(0u, m + 4u, n4 + 0u, s4_0);
  put(0u, m + 5u, n4 + 0u, s5_0);
  put(0u, m + 6u, n4 + 0u, s6_0);
  put(0u, m + 7u, n4 + 0u, s7_0);
}
