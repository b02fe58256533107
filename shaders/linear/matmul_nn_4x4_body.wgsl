// Body of Y = A B with 4 rows x 4 columns per thread. Needs lib/matmul_args and loadB (four elements of B).
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
//!include "lib/matmul_put.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let m = (group.y * 8u + local.y) * 4u;
  let n4 = group.x * 8u + local.x;
  if (m >= args.M || n4 >= args.N / 4u) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let b0 = args.bOffset / 4u + min(n4 + 0u, args.N / 4u - 1u);
  let ldb4 = args.ldb / 4u;
  var s0_0 = vec4<f32>(0.0);
  var s1_0 = vec4<f32>(0.0);
  var s2_0 = vec4<f32>(0.0);
  var s3_0 = vec4<f32>(0.0);
  for (var k = 0u; k < args.K; k += 4u) {
    let row0 = min(k + 0u, args.K - 1u) * ldb4;
    let w0_0 = loadB(row0 + b0);
    let row1 = min(k + 1u, args.K - 1u) * ldb4;
    let w1_0 = loadB(row1 + b0);
    let row2 = min(k + 2u, args.K - 1u) * ldb4;
    let w2_0 = loadB(row2 + b0);
    let row3 = min(k + 3u, args.K - 1u) * ldb4;
    let w3_0 = loadB(row3 + b0);
    let x0 = a[a0 + k / 4u];
    s0_0 += x0.x * w0_0 + x0.y * w1_0 + x0.z * w2_0 + x0.w * w3_0;
    let x1 = a[a1 + k / 4u];
    s1_0 += x1.x * w0_0 + x1.y * w1_0 + x1.z * w2_0 + x1.w * w3_0;
    let x2 = a[a2 + k / 4u];
    s2_0 += x2.x * w0_0 + x2.y * w1_0 + x2.z * w2_0 + x2.w * w3_0;
    let x3 = a[a3 + k / 4u];
    s3_0 += x3.x * w0_0 + x3.y * w1_0 + x3.z * w2_0 + x3.w * w3_0;
  }
  put(0u, m + 0u, n4 + 0u, s0_0);
  put(0u, m + 1u, n4 + 0u, s1_0);
  put(0u, m + 2u, n4 + 0u, s2_0);
  put(0u, m + 3u, n4 + 0u, s3_0);
}
