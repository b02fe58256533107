// formula: Y[m, n] = sum_k A[m, k] B[n, k]; 8 rows x 8 columns per thread, registers only
// in: A (M, K), B (N, K) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 64) workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order, four products at a time
// guard: K, N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
//!include "linear/matmul_nt_8x8_body.wgsl"
