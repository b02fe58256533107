// Activations and the gated product of an MLP in plain float64, forward and backward; gate and up side by side in one (R, 2F) input.
// Promises nothing but the formulas; erf to 1e-15. Refuses nothing.

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** erfc(z): by the Taylor series of erf below 2.5, else by the continued fraction of Laplace. */
export function erfc(z: number): number {
  if (z < 0) return 2 - erfc(-z);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
}

const phi = (x: number): number => 0.5 * erfc(-x / Math.SQRT2);
const inner = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** Value and slope of each activation, as torch.nn.functional.silu and gelu (approximate "none" and "tanh") have them. */
export const ACTIVATIONS: Record<'silu' | 'gelu' | 'gelu_tanh', { value(x: number): number; slope(x: number): number }> = {
  silu: {
    value: (x) => x * sigmoid(x),
    slope: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  gelu: {
    value: (x) => x * phi(x),
    slope: (x) => phi(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  },
  gelu_tanh: {
    // 0.5 (1 + tanh u) = sigmoid(2 u), which does not cancel for negative u
    value: (x) => x * sigmoid(2 * inner(x)),
    slope: (x) => {
      const s = sigmoid(2 * inner(x));
      return s + x * s * (1 - s) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    },
  },
};

/** h (R, F) = a(g) u with g = gu[r, f], u = gu[r, F + f]. */
export function gatedForward(gu: Float64Array, F: number, activation: keyof typeof ACTIVATIONS): Float64Array {
  const { value } = ACTIVATIONS[activation];
  return new Float64Array(gu.length / 2).map((_, i) => {
    const at = Math.floor(i / F) * 2 * F + (i % F);
    return value(gu[at]!) * gu[at + F]!;
  });
}

/** dgu (R, 2F): dg = dh u a'(g), du = dh a(g). */
export function gatedBackward(dh: Float64Array, gu: Float64Array, F: number, activation: keyof typeof ACTIVATIONS): Float64Array {
  const { value, slope } = ACTIVATIONS[activation];
  const dgu = new Float64Array(gu.length);
  dh.forEach((d, i) => {
    const at = Math.floor(i / F) * 2 * F + (i % F);
    dgu[at] = d * gu[at + F]! * slope(gu[at]!);
    dgu[at + F] = d * value(gu[at]!);
  });
  return dgu;
}

/** SwiGLU: gated with silu. */
export const swigluForward = (gu: Float64Array, F: number): Float64Array => gatedForward(gu, F, 'silu');
export const swigluBackward = (dh: Float64Array, gu: Float64Array, F: number): Float64Array => gatedBackward(dh, gu, F, 'silu');
