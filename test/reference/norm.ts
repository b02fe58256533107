// RMSNorm in plain float64, forward and backward.
// Promises nothing but the formula. Refuses nothing.

/** rstd_r = 1 / sqrt(mean_c x^2 + eps); y = x rstd gamma. x, y (R, C); gamma (C); rstd (R). */
export function rmsNormForward(x: Float64Array, gamma: Float64Array, eps: number): { y: Float64Array; rstd: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const y = new Float64Array(x.length);
  const rstd = new Float64Array(R);
  for (let r = 0; r < R; r++) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += x[r * C + c]! ** 2;
    rstd[r] = 1 / Math.sqrt(squares / C + eps);
    for (let c = 0; c < C; c++) y[r * C + c] = x[r * C + c]! * rstd[r]! * gamma[c]!;
  }
  return { y, rstd };
}

/** dx = rstd (gamma dy - x rstd^2 / C sum_k gamma_k dy_k x_k); dgamma = sum_r dy x rstd. */
export function rmsNormBackward(
  dy: Float64Array,
  x: Float64Array,
  gamma: Float64Array,
  rstd: Float64Array,
): { dx: Float64Array; dgamma: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const dx = new Float64Array(x.length);
  const dgamma = new Float64Array(C);
  for (let r = 0; r < R; r++) {
    const s = rstd[r]!;
    let dot = 0;
    for (let c = 0; c < C; c++) dot += gamma[c]! * dy[r * C + c]! * x[r * C + c]!;
    for (let c = 0; c < C; c++) {
      const i = r * C + c;
      dx[i] = s * (gamma[c]! * dy[i]! - (x[i]! * s * s * dot) / C);
      dgamma[c] = dgamma[c]! + dy[i]! * x[i]! * s;
    }
  }
  return { dx, dgamma };
}
