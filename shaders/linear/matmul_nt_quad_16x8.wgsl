// formula: Y[m, n] = sum_k A[m, k] B[n, k]; 16 rows x 8 columns per thread, values of A shared within quads
// in: A (M, K), B (N, K) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 16) workgroups of 8 x 1
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; k in ascending order, four products at a time
// guard: K, N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
enable subgroups;
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
//!include "linear/matmul_nt_quad_16x8_body.wgsl"
