// AdamW and gradient clipping in plain float64, with PyTorch's semantics.
// Promises to change parameters and moments in place. Refuses nothing.

export interface AdamWSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
}

/** The L2 norm over all gradients together. */
export function globalNorm(gradients: Iterable<Float64Array>): number {
  let squares = 0;
  for (const g of gradients) for (const v of g) squares += v * v;
  return Math.sqrt(squares);
}

/** min(1, maxNorm / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_; maxNorm 0 = no clipping. */
export function clipFactor(norm: number, maxNorm: number): number {
  return maxNorm === 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
}

/**
 * One step (counted from 1) on one tensor, decay decoupled:
 * p *= 1 - lr wd; g *= clip; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr mHat / (sqrt(vHat) + eps).
 */
export function adamw(
  p: Float64Array,
  g: Float64Array,
  m: Float64Array,
  v: Float64Array,
  step: number,
  clip: number,
  s: AdamWSettings,
): void {
  for (let i = 0; i < p.length; i++) {
    const grad = g[i]! * clip;
    m[i] = s.beta1 * m[i]! + (1 - s.beta1) * grad;
    v[i] = s.beta2 * v[i]! + (1 - s.beta2) * grad * grad;
    const mHat = m[i]! / (1 - s.beta1 ** step);
    const vHat = v[i]! / (1 - s.beta2 ** step);
    p[i] = p[i]! * (1 - s.lr * s.weightDecay) - (s.lr * mHat) / (Math.sqrt(vHat) + s.eps);
  }
}
