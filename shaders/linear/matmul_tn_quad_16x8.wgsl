// formula: Y[m, n] = sum_k A[k, m] B[k, n], K cut into P parts whose sums are stored one after the other; 16 rows x 8 columns per thread, values of A shared within quads
// in: A (K, M), B (K, N) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 16) x P workgroups of 8 x 1
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order
// guard: N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
enable subgroups;
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 1)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let m = group.y * 16u;
  let n4 = (group.x * 8u + local.x) * 2u;
  let quarter = lane % 4u;
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = group.z * perPart;
  let end = min(begin + perPart, args.K);
  let a0 = args.aOffset + min(m + 0u + quarter, args.lda - 1u);
  let a1 = args.aOffset + min(m + 4u + quarter, args.lda - 1u);
  let a2 = args.aOffset + min(m + 8u + quarter, args.lda - 1u);
  let a3 = args.aOffset + min(m + 12u + quarter, args.lda - 1u);
  let b0 = args.bOffset / 4u + min(n4 + 0u, args.N / 4u - 1u);
  let b1 = args.bOffset / 4u + min(n4 + 1u, args.N / 4u - 1u);
  let ldb4 = args.ldb / 4u;
  var s0_0 = vec4<f32>(0.0); var s0_1 = vec4<f32>(0.0);
  var s1_0 = vec4<f32>(0.0); var s1_1 = vec4<f32>(0.0);
  var s2_0 = vec4<f32>(0.0); var s2_1 = vec4<f32>(0.0);
  var s3_0 = vec4<f32>(0.0); var s3_1 = vec4<f32>(0.0);
  var s4_0 = vec4<f32>(0.0); var s4_1 = vec4<f32>(0.0);
  var s5_0 = vec4<f32>(0.0); var s5_1 = vec4<f32>(0.0);
  var s6_0 = vec4<f32>(0.0); var s6_1 = vec4<f32>(0.0);
  var s7_0 = vec4<f32>(0.0); var s7_1 = vec4<f32>(0.0);
  var s8_0 = vec4<f32>(0.0); var s8_1 = vec4<f32>(0.0);
  var s9_0 = vec4<f32>(0.0); var s9_1 = vec4<f32>(0.0);
  var s10_0 = vec4<f32>(0.0); var s10_1 = vec4<f32>(0.0);
  var s11_0 = vec4<f32>(0.0); var s11_1 = vec4<f32>(0.0);
  var s12_0 = vec4<f32>(0.0); var s12_1 = vec4<f32>(0.0);
  var s13_0 = vec4<f32>(0.0); var s13_1 = vec4<f32>(0.0);
  var s14_0 = vec4<f32>(0.0); var s14_1 = vec4<f32>(0.0);
  var s15_0 = vec4<f32>(0.0); var s15_1 = vec4<f32>(0.0);
  // four rows of K at once; those beyond the end are read again and weigh nothing
  for (var k = begin; k < end; k += 4u) {
    let k0 = k;
    let w0_0 = loadB(k0 * ldb4 + b0); let w0_1 = loadB(k0 * ldb4 + b1);
    let k1 = min(k + 1u, end - 1u);
    let live1 = select(0.0, 1.0, k + 1u < end);
    let w1_0 = loadB(k1 * ldb4 + b0) * live1; let w1_1 = loadB(k1 * ldb4 + b1) * live1;
    let k2 = min(k + 2u, end - 1u);
    let live2 = select(0.0, 1.0, k + 2u < end);
    let w2_0 = loadB(k2 * ldb4 + b0) * live2; let w2_1 = loadB(k2 * ldb4 + b1) * live2;
    let k3 = min(k + 3u, end - 1u);
    let live3 = select(0.0, 1.0, k + 3u < end);
    let w3_0 = loadB(k3 * ldb4 + b0) * live3; let w3_1 = loadB(k3 * ldb4 + b1) * live3;
    let q0_0 = a[k0 * args.lda + a0];
    let x0_0 = vec4<f32>(quadBroadcast(q0_0, 0u), quadBroadcast(q0_0, 1u), quadBroadcast(q0_0, 2u), quadBroadcast(q0_0, 3u));
    let q0_1 = a[k1 * args.lda + a0];
    let x0_1 = vec4<f32>(quadBroadcast(q0_1, 0u), quadBroadcast(q0_1, 1u), quadBroadcast(q0_1, 2u), quadBroadcast(q0_1, 3u));
    let q0_2 = a[k2 * args.lda + a0];
    let x0_2 = vec4<f32>(quadBroadcast(q0_2, 0u), quadBroadcast(q0_2, 1u), quadBroadcast(q0_2, 2u), quadBroadcast(q0_2, 3u));
    let q0_3 = a[k3 * args.lda + a0];
    let x0_3 = vec4<f32>(quadBroadcast(q0_3, 0u), quadBroadcast(q0_3, 1u), quadBroadcast(q0_3, 2u), quadBroadcast(q0_3, 3u));
    s0_0 += x0_0.x * w0_0; s0_0 += x0_1.x * w1_0; s0_0 += x0_2.x * w2_0; s0_0 += x0_3.x * w3_0;
    s0_1 += x0_0.x * w0_1; s0_1 += x0_1.x * w1_1; s0_1 += x0_2.x * w2_1; s0_1 += x0_3.x * w3_1;
    s1_0 += x0_0.y * w0_0; s1_0 += x0_1.y * w1_0; s1_0 += x0_2.y * w2_0; s1_0 += x0_3.y * w3_0;
    s1_1 += x0_0.y * w0_1; s1_1 += x0_1.y * w1_1; s1_1 += x0_2.y * w2_1; s1_1 += x0_3.y * w3_1;
    s2_0 += x0_0.z * w0_0; s2_0 += x0_1.z * w1_0; s2_0 += x0_2.z * w2_0; s2_0 += x0_3.z * w3_0;
    s2_1 += x0_0.z * w0_1; s2_1 += x0_1.z * w1_1; s2_1 += x0_2.z * w2_1; s2_1 += x0_3.z * w3_1;
    s3_0 += x0_0.w * w0_0; s3_0 += x0_1.w * w1_0; s3_0 += x0_2.w * w2_0; s3_0 += x0_3.w * w3_0;
    s3_1 += x0_0.w * w0_1; s3_1 += x0_1.w * w1_1; s3_1 += x0_2.w * w2_1; s3_1 += x0_3.w * w3_1;
    let q1_0 = a[k0 * args.lda + a1];
    let x1_0 = vec4<f32>(quadBroadcast(q1_0, 0u), quadBroadcast(q1_0, 1u), quadBroadcast(q1_0, 2u), quadBroadcast(q1_0, 3u));
    let q1_1 = a[k1 * args.lda + a1];
    let x1_1 = vec4<f32>(quadBroadcast(q1_1, 0u), quadBroadcast(q1_1, 1u), quadBroadcast(q1_1, 2u), quadBroadcast(q1_1, 3u));
    let q1_2 = a[k2 * args.lda + a1];
    let x1_2 = vec4<f32>(quadBroadcast(q1_2, 0u), quadBroadcast(q1_2, 1u), quadBroadcast(q1_2, 2u), quadBroadcast(q1_2, 3u));
    let q1_3 = a[k3 * args.lda + a1];
    let x1_3 = vec4<f32>(quadBroadcast(q1_3, 0u), quadBroadcast(q1_3, 1u), quadBroadcast(q1_3, 2u), quadBroadcast(q1_3, 3u));
    s4_0 += x1_0.x * w0_0; s4_0 += x1_1.x * w1_0; s4_0 += x1_2.x * w2_0; s4_0 += x1_3.x * w3_0;
    s4_1 += x1_0.x * w0_1; s4_1 += x1_1.x * w1_1; s4_1 += x1_2.x * w2_1; s4_1 += x1_3.x * w3_1;
    s5_0 += x1_0.y * w0_0; s5_0 += x1_1.y * w1_0; s5_0 += x1_2.y * w2_0; s5_0 += x1_3.y * w3_0;
    s5_1 += x1_0.y * w0_1; s5_1 += x1_1.y * w1_1; s5_1 += x1_2.y * w2_1; s5_1 += x1_3.y * w3_1;
    s6_0 += x1_0.z * w0_0; s6_0 += x1_1.z * w1_0; s6_0 += x1_2.z * w2_0; s6_0 += x1_3.z * w3_0;
    s6_1 += x1_0.z * w0_1; s6_1 += x1_1.z * w1_1; s6_1 += x1_2.z * w2_1; s6_1 += x1_3.z * w3_1;
    s7_0 += x1_0.w * w0_0; s7_0 += x1_1.w * w1_0; s7_0 += x1_2.w * w2_0; s7_0 += x1_3.w * w3_0;
    s7_1 += x1_0.w * w0_1; s7_1 += x1_1.w * w1_1; s7_1 += x1_2.w * w2_1; s7_1 += x1_3.w * w3_1;
    let q2_0 = a[k0 * args.lda + a2];
    let x2_0 = vec4<f32>(quadBroadcast(q2_0, 0u), quadBroadcast(q2_0, 1u), quadBroadcast(q2_0, 2u), quadBroadcast(q2_0, 3u));
    let q2_1 = a[k1 * args.lda + a2];
    let x2_1 = vec4<f32>(quadBroadcast(q2_1, 0u), quadBroadcast(q2_1, 1u), quadBroadcast(q2_1, 2u), quadBroadcast(q2_1, 3u));
    let q2_2 = a[k2 * args.lda + a2];
    let x2_2 = vec4<f32>(quadBroadcast(q2_2, 0u), quadBroadcast(q2_2, 1u), quadBroadcast(q2_2, 2u), quadBroadcast(q2_2, 3u));
    let q2_3 = a[k3 * args.lda + a2];
    let x2_3 = vec4<f32>(quadBroadcast(q2_3, 0u), quadBroadcast(q2_3, 1u), quadBroadcast(q2_3, 2u), quadBroadcast(q2_3, 3u));
    s8_0 += x2_0.x * w0_0; s8_0 += x2_1.x * w1_0; s8_0 += x2_2.x * w2_0; s8_0 += x2_3.x * w3_0;
    s8_1 += x2_0.x * w0_1; s8_1 += x2_1.x * w1_1; s8_1 += x2_2.x * w2_1; s8_1 += x2_3.x * w3_1;
    s9_0 += x2_0.y * w0_0; s9_0 += x2_1.y * w1_0; s9_0 += x2_2.y * w2_0; s9_0 += x2_3.y * w3_0;
    s9_1 += x2_0.y * w0_1; s9_1 += x2_1.y * w1_1; s9_1 += x2_2.y * w2_1; s9_1 += x2_3.y * w3_1;
    s10_0 += x2_0.z * w0_0; s10_0 += x2_1.z * w1_0; s10_0 += x2_2.z * w2_0; s10_0 += x2_3.z * w3_0;
    s10_1 += x2_0.z * w0_1; s10_1 += x2_1.z * w1_1; s10_1 += x2_2.z * w2_1; s10_1 += x2_3.z * w3_1;
    s11_0 += x2_0.w * w0_0; s11_0 += x2_1.w * w1_0; s11_0 += x2_2.w * w2_0; s11_0 += x2_3.w * w3_0;
    s11_1 += x2_0.w * w0_1; s11_1 += x2_1.w * w1_1; s11_1 += x2_2.w * w2_1; s11_1 += x2_3.w * w3_1;
    let q3_0 = a[k0 * args.lda + a3];
    let x3_0 = vec4<f32>(quadBroadcast(q3_0, 0u), quadBroadcast(q3_0, 1u), quadBroadcast(q3_0, 2u), quadBroadcast(q3_0, 3u));
    let q3_1 = a[k1 * args.lda + a3];
    let x3_1 = vec4<f32>(quadBroadcast(q3_1, 0u), quadBroadcast(q3_1, 1u), quadBroadcast(q3_1, 2u), quadBroadcast(q3_1, 3u));
    let q3_2 = a[k2 * args.lda + a3];
    let x3_2 = vec4<f32>(quadBroadcast(q3_2, 0u), quadBroadcast(q3_2, 1u), quadBroadcast(q3_2, 2u), quadBroadcast(q3_2, 3u));
    let q3_3 = a[k3 * args.lda + a3];
    let x3_3 = vec4<f32>(quadBroadcast(q3_3, 0u), quadBroadcast(q3_3, 1u), quadBroadcast(q3_3, 2u), quadBroadcast(q3_3, 3u));
    s12_0 += x3_0.x * w0_0; s12_0 += x3_1.x * w1_0; s12_0 += x3_2.x * w2_0; s12_0 += x3_3.x * w3_0;
    s12_1 += x3_0.x * w0_1; s12_1 += x3_1.x * w1_1; s12_1 += x3_2.x * w2_1; s12_1 += x3_3.x * w3_1;
    s13_0 += x3_0.y * w0_0; s13_0 += x3_1.y * w1_0; s13_0 += x3_2.y * w2_0; s13_0 += x3_3.y * w3_0;
    s13_1 += x3_0.y * w0_1; s13_1 += x3_1.y * w1_1; s13_1 += x3_2.y * w2_1; s13_1 += x3_3.y * w3_1;
    s14_0 += x3_0.z * w0_0; s14_0 += x3_1.z * w1_0; s14_0 += x3_2.z * w2_0; s14_0 += x3_3.z * w3_0;
    s14_1 += x3_0.z * w0_1; s14_1 += x3_1.z * w1_1; s14_1 += x3_2.z * w2_1; s14_1 += x3_3.z * w3_1;
    s15_0 += x3_0.w * w0_0; s15_0 += x3_1.w * w1_0; s15_0 += x3_2.w * w2_0; s15_0 += x3_3.w * w3_0;
    s15_1 += x3_0.w * w0_1; s15_1 += x3_1.w * w1_1; s15_1 += x3_2.w * w2_1; s15_1 += x3_3.w * w3_1;
  }
  put(group.z, m + 0u, n4 + 0u, s0_0); put(group.z, m + 0u, n4 + 1u, s0_1);
  put(group.z, m + 1u, n4 + 0u, s1_0); put(group.z, m + 1u, n4 + 1u, s1_1);
  put(group.z, m + 2u, n4 + 0u, s2_0); put(group.z, m + 2u, n4 + 1u, s2_1);
  put(group.z, m + 3u, n4 + 0u, s3_0); put(group.z, m + 3u, n4 + 1u, s3_1);
  put(group.z, m + 4u, n4 + 0u, s4_0); put(group.z, m + 4u, n4 + 1u, s4_1);
  put(group.z, m + 5u, n4 + 0u, s5_0); put(group.z, m + 5u, n4 + 1u, s5_1);
  put(group.z, m + 6u, n4 + 0u, s6_0); put(group.z, m + 6u, n4 + 1u, s6_1);
  put(group.z, m + 7u, n4 + 0u, s7_0); put(group.z, m + 7u, n4 + 1u, s7_1);
  put(group.z, m + 8u, n4 + 0u, s8_0); put(group.z, m + 8u, n4 + 1u, s8_1);
  put(group.z, m + 9u, n4 + 0u, s9_0); put(group.z, m + 9u, n4 + 1u, s9_1);
  put(group.z, m + 10u, n4 + 0u, s10_0); put(group.z, m + 10u, n4 + 1u, s10_1);
  put(group.z, m + 11u, n4 + 0u, s11_0); put(group.z, m + 11u, n4 + 1u, s11_1);
  put(group.z, m + 12u, n4 + 0u, s12_0); put(group.z, m + 12u, n4 + 1u, s12_1);
  put(group.z, m + 13u, n4 + 0u, s13_0); put(group.z, m + 13u, n4 + 1u, s13_1);
  put(group.z, m + 14u, n4 + 0u, s14_0); put(group.z, m + 14u, n4 + 1u, s14_1);
  put(group.z, m + 15u, n4 + 0u, s15_0); put(group.z, m + 15u, n4 + 1u, s15_1);
}
