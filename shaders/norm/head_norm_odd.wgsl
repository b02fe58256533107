// formula: rstd[r, h] = 1 / sqrt(mean_d x[r, h, d]^2 + eps); y[r, h, d] = x[r, h, d] rstd[r, h] (offset + gamma[d]) for the H query heads (gamma = qGamma)
//          and the K key heads (gamma = kGamma); the K value heads are copied
// in: x (R, (H + 2K) D) f32; qGamma, kGamma (D) f32; args.offset is 0, or 1 where they are stored as the factor minus one
// out: y (R, (H + 2K) D) f32; rstd (R, H + K) f32, saved for the backward pass
// grid: LANES threads per (r, h), 64 / LANES of them per workgroup, rows of 65,535 workgroups
// cost: 5 R (H + K) D flops, 8 R (H + 2K) D bytes
// tolerance: for any D; as head_norm, which adds in another order: 1e-7 normalised mean squared error
// guard: heads beyond R (H + 2K) are computed on the last one and not written
//!include "lib/item1.wgsl"
//!include "norm/head_norm_body.wgsl"
