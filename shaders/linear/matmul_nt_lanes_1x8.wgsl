// formula: Y[m, n] = sum_k A[m, k] B[n, k]; 64 lanes over K for 1 row x 8 columns
// in: A (M, K), B (N, K) f32, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 8) x ceil(M / 1) workgroups of 64
// cost: 2 M N K flops
// tolerance: 1e-7 normalised mean squared error; NOT the order of the others: each lane sums every 64th group of four, then a tree over the lanes
// guard: K, N, lda, ldb, ldy and the offsets multiples of 4; threads beyond M or N store nothing
const ROWS = 1u;
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_b_f32.wgsl"
//!include "linear/matmul_lanes_body.wgsl"
