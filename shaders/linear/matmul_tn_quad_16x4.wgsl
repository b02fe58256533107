// formula: Y[m, n] = sum_k A[k, m] B[k, n], K cut into P parts whose sums are stored one after the other; 16 rows x 4 columns per thread, values of A shared within quads
// in: A (K, M), B (K, N) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 32) x ceil(M / 16) x P workgroups of 8 x 1
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
  let n4 = group.x * 8u + local.x;
  let quarter = lane % 4u;
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = group.z * perPart;
  let end = min(begin + perPart, args.K);
  let a0 = args.aOffset + min(m + 0u + quarter, args.lda - 1u);
  let a1 = args.aOffset + min(m + 4u + quarter, args.lda - 1u);
  let a2 = args.aOffset + min(m + 8u + quarter, args.lda - 1u);
  let a3 = args.aOffset + min(m + 12u + quarter, args.lda - 1u);
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
  var s8_0 = vec4<f32>(0.0);
  var s9_0 = vec4<f32>(0.0);
  var s10_0 = vec4<f32>(0.0);
  var s11_0 = vec4<f32>(0.0);
  var s12_0 = vec4<f32>(0.0);
  var s13_0 = vec4<f32>(0.0);
  var s14_0 = vec4<f32>(0.0);
  var s15_0 = vec4<f32>(0.0);
  for (var k = begin; k < end; k++) {
    let w0 = loadB(k * ldb4 + b0);
    let q0 = a[k * args.lda + a0];
    let x0 = vec4<f32>(quadBroadcast(q0, 0u), quadBroadcast(q0, 1u), quadBroadcast(q0, 2u), quadBroadcast(q0, 3u));
    s0_0 += x0.x * w0;
    s1_0 += x0.y * w0;
    s2_0 += x0.z * w0;
    s3_0 += x0.w * w0;
    let q1 = a[k * args.lda + a1];
    let x1 = vec4<f32>(quadBroadcast(q1, 0u), quadBroadcast(q1, 1u), quadBroadcast(q1, 2u), quadBroadcast(q1, 3u));
    s4_0 += x1.x * w0;
    s5_0 += x1.y * w0;
    s6_0 += x1.z * w0;
    s7_0 += x1.w * w0;
    let q2 = a[k * args.lda + a2];
    let x2 = vec4<f32>(quadBroadcast(q2, 0u), quadBroadcast(q2, 1u), quadBroadcast(q2, 2u), quadBroadcast(q2, 3u));
    s8_0 += x2.x * w0;
    s9_0 += x2.y * w0;
    s10_0 += x2.z * w0;
    s11_0 += x2.w * w0;
    let q3 = a[k * args.lda + a3];
    let x3 = vec4<f32>(quadBroadcast(q3, 0u), quadBroadcast(q3, 1u), quadBroadcast(q3, 2u), quadBroadcast(q3, 3u));
    s12_0 += x3.x * w0;
    s13_0 += x3.y * w0;
    s14_0 += x3.z * w0;
    s15_0 += x3.w * w0;
  }
  put(group.z, m + 0u, n4 + 0u, s0_0);
  put(group.z, m + 1u, n4 + 0u, s1_0);
  put(group.z, m + 2u, n4 + 0u, s2_0);
  put(group.z, m + 3u, n4 + 0u, s3_0);
  put(group.z, m + 4u, n4 + 0u, s4_0);
  put(group.z, m + 5u, n4 + 0u, s5_0);
  put(group.z, m + 6u, n4 + 0u, s6_0);
  put(group.z, m + 7u, n4 + 0u, s7_0);
  put(group.z, m + 8u, n4 + 0u, s8_0);
  put(group.z, m + 9u, n4 + 0u, s9_0);
  put(group.z, m + 10u, n4 + 0u, s10_0);
  put(group.z, m + 11u, n4 + 0u, s11_0);
  put(group.z, m + 12u, n4 + 0u, s12_0);
  put(group.z, m + 13u, n4 + 0u, s13_0);
  put(group.z, m + 14u, n4 + 0u, s14_0);
  put(group.z, m + 15u, n4 + 0u, s15_0);
}
