// formula: Y[m, n] = sum_k A[k, m] B[k, n], K cut into P parts whose sums are stored one after the other; 8 rows x 8 columns per thread, registers only
// in: A (K, M), B (K, N) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 64) x P workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order
// guard: N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let m = (group.y * 8u + local.y) * 8u;
  let n4 = (group.x * 8u + local.x) * 2u;
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = group.z * perPart;
  let end = min(begin + perPart, args.K);
  let a0 = args.aOffset / 4u + min(m / 4u + 0u, (args.lda - 1u) / 4u);
  let a1 = args.aOffset / 4u + min(m / 4u + 1u, (args.lda - 1u) / 4u);
  let b0 = args.bOffset / 4u + min(n4 + 0u, args.N / 4u - 1u);
  let b1 = args.bOffset / 4u + min(n4 + 1u, args.N / 4u - 1u);
  let lda4 = args.lda / 4u;
  let ldb4 = args.ldb / 4u;
  var s0_0 = vec4<f32>(0.0); var s0_1 = vec4<f32>(0.0);
  var s1_0 = vec4<f32>(0.0); var s1_1 = vec4<f32>(0.0);
  var s2_0 = vec4<f32>(0.0); var s2_1 = vec4<f32>(0.0);
  var s3_0 = vec4<f32>(0.0); var s3_1 = vec4<f32>(0.0);
  var s4_0 = vec4<f32>(0.0); var s4_1 = vec4<f32>(0.0);
  var s5_0 = vec4<f32>(0.0); var s5_1 = vec4<f32>(0.0);
  var s6_0 = vec4<f32>(0.0); var s6_1 = vec4<f32>(0.0);
  var s7_0 = vec4<f32>(0.0); var s7_1 = vec4<f32>(0.0);
  for (var k = begin; k < end; k++) {
    let w0 = loadB(k * ldb4 + b0); let w1 = loadB(k * ldb4 + b1);
    let x0 = a[k * lda4 + a0];
    s0_0 += x0.x * w0; s0_1 += x0.x * w1;
    s1_0 += x0.y * w0; s1_1 += x0.y * w1;
    s2_0 += x0.z * w0; s2_1 += x0.z * w1;
    s3_0 += x0.w * w0; s3_1 += x0.w * w1;
    let x1 = a[k * lda4 + a1];
    s4_0 += x1.x * w0; s4_1 += x1.x * w1;
    s5_0 += x1.y * w0; s5_1 += x1.y * w1;
    s6_0 += x1.z * w0; s6_1 += x1.z * w1;
    s7_0 += x1.w * w0; s7_1 += x1.w * w1;
  }
  put(group.z, m + 0u, n4 + 0u, s0_0); put(group.z, m + 0u, n4 + 1u, s0_1);
  put(group.z, m + 1u, n4 + 0u, s1_0); put(group.z, m + 1u, n4 + 1u, s1_1);
  put(group.z, m + 2u, n4 + 0u, s2_0); put(group.z, m + 2u, n4 + 1u, s2_1);
  put(group.z, m + 3u, n4 + 0u, s3_0); put(group.z, m + 3u, n4 + 1u, s3_1);
  put(group.z, m + 4u, n4 + 0u, s4_0); put(group.z, m + 4u, n4 + 1u, s4_1);
  put(group.z, m + 5u, n4 + 0u, s5_0); put(group.z, m + 5u, n4 + 1u, s5_1);
  put(group.z, m + 6u, n4 + 0u, s6_0); put(group.z, m + 6u, n4 + 1u, s6_1);
  put(group.z, m + 7u, n4 + 0u, s7_0); put(group.z, m + 7u, n4 + 1u, s7_1);
}
