// Body of Y = A B with 4 rows x 4 columns per thread. Needs lib/matmul_args and loadB, four elements of B.
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_rows_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 4u;
  let n = id.x * 1u;
  let N4 = args.N / 4u;
  if (m >= args.M || n >= N4) { return; }
  let a0 = (args.aOffset + min(m + 0u, args.M - 1u) * args.lda) / 4u;
  let a1 = (args.aOffset + min(m + 1u, args.M - 1u) * args.lda) / 4u;
  let a2 = (args.aOffset + min(m + 2u, args.M - 1u) * args.lda) / 4u;
  let a3 = (args.aOffset + min(m + 3u, args.M - 1u) * args.lda) / 4u;
  let n0 = min(n + 0u, N4 - 1u);
  var s00 = vec4<f32>(0.0);
  var s10 = vec4<f32>(0.0);
  var s20 = vec4<f32>(0.0);
  var s30 = vec4<f32>(0.0);
  for (var k = 0u; k < args.K; k += 4u) {
    let x0 = a[a0 + k / 4u];
    let x1 = a[a1 + k / 4u];
    let x2 = a[a2 + k / 4u];
    let x3 = a[a3 + k / 4u];
    let row0 = (args.bOffset + min(k + 0u, args.K - 1u) * args.ldb) / 4u;
    let w00 = loadB(row0 + n0);
    s00 += x0.x * w00;
    s10 += x1.x * w00;
    s20 += x2.x * w00;
    s30 += x3.x * w00;
    let row1 = (args.bOffset + min(k + 1u, args.K - 1u) * args.ldb) / 4u;
    let w10 = loadB(row1 + n0);
    s00 += x0.y * w10;
    s10 += x1.y * w10;
    s20 += x2.y * w10;
    s30 += x3.y * w10;
    let row2 = (args.bOffset + min(k + 2u, args.K - 1u) * args.ldb) / 4u;
    let w20 = loadB(row2 + n0);
    s00 += x0.z * w20;
    s10 += x1.z * w20;
    s20 += x2.z * w20;
    s30 += x3.z * w20;
    let row3 = (args.bOffset + min(k + 3u, args.K - 1u) * args.ldb) / 4u;
    let w30 = loadB(row3 + n0);
    s00 += x0.w * w30;
    s10 += x1.w * w30;
    s20 += x2.w * w30;
    s30 += x3.w * w30;
  }
  put(0u, m + 0u, n + 0u, s00);
  put(0u, m + 1u, n + 0u, s10);
  put(0u, m + 2u, n + 0u, s20);
  put(0u, m + 3u, n + 0u, s30);
}
