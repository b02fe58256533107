// formula: w = offset + gamma; dx[r, h, d] (+)= rstd (w_d dy_d - x_d rstd^2 / D sum_k w_k dy_k x_k) for query heads (gamma = qGamma) and key heads
//          (gamma = kGamma); dx (+)= dy for value heads
// in: dy, x (R, (H + 2K) D) f32; qGamma, kGamma (D) f32; rstd (R, H + K) f32
// out: dx (R, (H + 2K) D) f32, added to when args.accumulate = 1
// grid: LANES threads per (r, h), 64 / LANES of them per workgroup, rows of 65,535 workgroups
// cost: 10 R (H + K) D flops, 12 R (H + 2K) D bytes
// tolerance: for any D; as head_norm_backward, which adds in another order: 1e-7 normalised mean squared error
// guard: heads beyond R (H + 2K) are computed on the last one and not written
//!include "lib/item1.wgsl"
//!include "norm/head_norm_backward_body.wgsl"
