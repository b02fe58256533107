// formula: Y[m, n] = sum_k A[m, k] B[k, n], K cut into P parts whose sums are stored one after the other; one output per thread: what every other kernel must equal
// in: A (M, K) f32, B (K, N) f16 two to a word, with row strides lda, ldb and offsets in elements; r: residual laid out as y, or a row (N)
// out: y (M, N) f32 with row stride ldy; MODE 0 stores, 1 adds to what is there, 2 adds the residual, 3 adds the row
// grid: ceil(N / 8) x ceil(M / 8) x P workgroups of 8 x 8
// cost: 2 M N K flops
// tolerance: equals linear/matmul_nn_simple on the rounded B to 1e-7 normalised mean squared error; k in ascending order
// guard: any sizes; threads beyond M or N store nothing
const LAYOUT = 1u;
//!include "lib/matmul_args.wgsl"
//!include "lib/matmul_element_f16.wgsl"
//!include "linear/matmul_simple_body.wgsl"
