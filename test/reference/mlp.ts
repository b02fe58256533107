// SwiGLU in plain float64, forward and backward; gate and up side by side in one (R, 2F) input.
// Promises nothing but the formula. Refuses nothing.

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** h (R, F) = silu(g) u with g = gu[r, f], u = gu[r, F + f]. */
export function swigluForward(gu: Float64Array, F: number): Float64Array {
  const R = gu.length / (2 * F);
  const h = new Float64Array(R * F);
  for (let r = 0; r < R; r++) {
    for (let f = 0; f < F; f++) {
      const g = gu[r * 2 * F + f]!;
      h[r * F + f] = g * sigmoid(g) * gu[r * 2 * F + F + f]!;
    }
  }
  return h;
}

/** dgu (R, 2F): dg = dh u s (1 + g (1 - s)), du = dh g s, s = sigmoid(g). */
export function swigluBackward(dh: Float64Array, gu: Float64Array, F: number): Float64Array {
  const R = gu.length / (2 * F);
  const dgu = new Float64Array(gu.length);
  for (let r = 0; r < R; r++) {
    for (let f = 0; f < F; f++) {
      const g = gu[r * 2 * F + f]!;
      const u = gu[r * 2 * F + F + f]!;
      const s = sigmoid(g);
      dgu[r * 2 * F + f] = dh[r * F + f]! * u * s * (1 + g * (1 - s));
      dgu[r * 2 * F + F + f] = dh[r * F + f]! * g * s;
    }
  }
  return dgu;
}
