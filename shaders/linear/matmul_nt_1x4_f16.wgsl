// formula: Y[m, n] = sum_k A[m, k] B[n, k]; 1 row x 4 columns per thread, registers only
// in: A (M, K) f32, B (N, K) f16 two to a word, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 32) x ceil(M / 8) workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: equals linear/matmul_nt_1x4 on the rounded B to 1e-7 normalised mean squared error; k in ascending order, four products at a time
// guard: K, N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f16.wgsl"
//!include "linear/matmul_nt_1x4_body.wgsl"
