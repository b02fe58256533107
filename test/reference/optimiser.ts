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

/** Moments in 8 bits over blocks of 64: m = sign(c) (c / 127)^2 scale, v = (c / 255)^4 scale. Scales are f32 as on the GPU. */
export interface Moments8Bit {
  mCodes: Int8Array;
  vCodes: Uint8Array;
  /** (blocks, 2): the largest |m| and the largest v. */
  scales: Float32Array;
}

export function zeroMoments8Bit(n: number): Moments8Bit {
  return { mCodes: new Int8Array(n), vCodes: new Uint8Array(n), scales: new Float32Array(n / 32) };
}

/** A block's codes for values in units of the scale, where `unit(c)` is a code's value: of the two codes around a value the upper one when the noise says so. */
function roundAtRandom(value: number, codes: number, unit: (c: number) => number, noise: number): number {
  let low = 0;
  while (low < codes - 1 && unit(low + 1) <= value) low++;
  return noise * (unit(low + 1) - unit(low)) < value - unit(low) ? low + 1 : low;
}

/**
 * One step of adamw() on moments in 8 bits. `noise(i)` gives two numbers in (0, 1) for element i: codes are rounded up with the probability
 * that makes the expected moment the exact one. A positive v never gets the code 0, which would make its update infinite.
 */
export function adamw8Bit(
  p: Float64Array,
  g: Float64Array,
  moments: Moments8Bit,
  step: number,
  clip: number,
  s: AdamWSettings,
  noise: (i: number) => [number, number],
): void {
  const { mCodes, vCodes, scales } = moments;
  for (let block = 0; block < p.length / 64; block++) {
    const range = [block * 64, block * 64 + 64] as const;
    const m = Float64Array.from(mCodes.subarray(...range), (c) => Math.sign(c) * (c / 127) ** 2 * scales[2 * block]!);
    const v = Float64Array.from(vCodes.subarray(...range), (c) => (c / 255) ** 4 * scales[2 * block + 1]!);
    adamw(p.subarray(...range), g.subarray(...range), m, v, step, clip, s);
    const mScale = m.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const vScale = v.reduce((a, b) => Math.max(a, b), 0);
    for (let i = 0; i < 64; i++) {
      const [forM, forV] = noise(block * 64 + i);
      const size = mScale > 1e-37 ? roundAtRandom(Math.abs(m[i]!) / mScale, 127, (c) => (c / 127) ** 2, forM) : 0;
      mCodes[block * 64 + i] = Math.sign(m[i]!) * size;
      const code = vScale > 1e-37 ? roundAtRandom(v[i]! / vScale, 255, (c) => (c / 255) ** 4, forV) : 0;
      vCodes[block * 64 + i] = vScale > 1e-37 && v[i]! > 0 ? Math.max(1, code) : code;
    }
    scales[2 * block] = mScale;
    scales[2 * block + 1] = vScale;
  }
}
