// formula: Y[m, n] = sum_k A[k, m] B[k, n], K cut into P parts that are stored one after the other; 4 rows x 1 vec4 columns per thread, registers only
// in: A (K, M), B (K, N) f32 with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 32) x ceil(M / 32) x P workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order
// guard: lda and N multiples of 4; threads beyond M or N do nothing
// Written out without loops over the block: CPU adapters keep named values in registers and arrays in memory.
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
//!include "lib/matmul_rows_io.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = id.y * 4u;
  let n = id.x * 1u;
  let N4 = args.N / 4u;
  if (m >= args.M || n >= N4) { return; }
  let perPart = (args.K + args.parts - 1u) / args.parts;
  let begin = id.z * perPart;
  let end = min(begin + perPart, args.K);
  let lastA = (args.lda - 1u) / 4u;
  let m0 = min(m / 4u + 0u, lastA);
  let n0 = min(n + 0u, N4 - 1u);
  var s00 = vec4<f32>(0.0);
  var s10 = vec4<f32>(0.0);
  var s20 = vec4<f32>(0.0);
  var s30 = vec4<f32>(0.0);
  for (var k = begin; k < end; k++) {
    let aRow = (args.aOffset + k * args.lda) / 4u;
    let bRow = (args.bOffset + k * args.ldb) / 4u;
    let w0 = loadB(bRow + n0);
    let x0 = a[aRow + m0];
    s00 += x0.x * w0;
    s10 += x0.y * w0;
    s20 += x0.z * w0;
    s30 += x0.w * w0;
  }
  put(id.z, m + 0u, n + 0u, s00);
  put(id.z, m + 1u, n + 0u, s10);
  put(id.z, m + 2u, n + 0u, s20);
  put(id.z, m + 3u, n + 0u, s30);
}
