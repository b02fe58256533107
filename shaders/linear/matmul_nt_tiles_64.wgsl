// formula: Y[m, n] = sum_k A[m, k] B[n, k], K cut into P parts whose sums are stored one after the other; 64 x 64 outputs per workgroup through workgroup memory, 8 x 8 per thread
// in: A (M, K), B (N, K) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 64) x P workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order
// guard: K, N, lda, ldb, ldy and the offsets multiples of 4; loads beyond K are 0; threads beyond M or N store nothing
const LAYOUT = 0u;
const SIDE = 8u;
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
//!include "linear/matmul_tiles_body.wgsl"
