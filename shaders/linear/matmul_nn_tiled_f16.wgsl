// formula: Y[m, n] = sum_k A[m, k] B[k, n], K cut into P parts whose sums are stored one after the other; 64 x 64 outputs per workgroup through workgroup memory, 4 x 4 per thread
// in: A (M, K) f32, B (K, N) f16 two to a word, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 64) x ceil(M / 64) x P workgroups of 16 x 16
// cost: 2 M N K flops
// tolerance: equals linear/matmul_nn_tiled on the rounded B to 1e-7 normalised mean squared error; k in ascending order
// guard: any sizes; loads beyond the edges are 0; threads beyond M or N store nothing
const LAYOUT = 1u;
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_element_f16.wgsl"
//!include "linear/matmul_tiled_body.wgsl"
