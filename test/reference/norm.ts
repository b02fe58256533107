// RMS norm, layer norm and the norm of query and key heads in plain float64, forward and backward.
// Promises nothing but the formulas. Refuses nothing.

/** rstd_r = 1 / sqrt(mean_c x^2 + eps); y = x rstd (offset + gamma). x, y (R, C); gamma (C); rstd (R). */
export function rmsNormForward(x: Float64Array, gamma: Float64Array, eps: number, offset = 0): { y: Float64Array; rstd: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const y = new Float64Array(x.length);
  const rstd = new Float64Array(R);
  for (let r = 0; r < R; r++) {
    let squares = 0;
    for (let c = 0; c < C; c++) squares += x[r * C + c]! ** 2;
    rstd[r] = 1 / Math.sqrt(squares / C + eps);
    for (let c = 0; c < C; c++) y[r * C + c] = x[r * C + c]! * rstd[r]! * (offset + gamma[c]!);
  }
  return { y, rstd };
}

/** w = offset + gamma; dx = rstd (w dy - x rstd^2 / C sum_k w_k dy_k x_k); dgamma = sum_r dy x rstd. */
export function rmsNormBackward(
  dy: Float64Array,
  x: Float64Array,
  gamma: Float64Array,
  rstd: Float64Array,
  offset = 0,
): { dx: Float64Array; dgamma: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const dx = new Float64Array(x.length);
  const dgamma = new Float64Array(C);
  for (let r = 0; r < R; r++) {
    const s = rstd[r]!;
    let dot = 0;
    for (let c = 0; c < C; c++) dot += (offset + gamma[c]!) * dy[r * C + c]! * x[r * C + c]!;
    for (let c = 0; c < C; c++) {
      const i = r * C + c;
      dx[i] = s * ((offset + gamma[c]!) * dy[i]! - (x[i]! * s * s * dot) / C);
      dgamma[c] = dgamma[c]! + dy[i]! * x[i]! * s;
    }
  }
  return { dx, dgamma };
}

/** y = (x - mean) rstd gamma + beta over each row. x, y (R, C); gamma, beta (C); mean, rstd (R). */
export function layerNormForward(
  x: Float64Array,
  gamma: Float64Array,
  beta: Float64Array,
  eps: number,
): { y: Float64Array; mean: Float64Array; rstd: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const y = new Float64Array(x.length);
  const mean = new Float64Array(R);
  const rstd = new Float64Array(R);
  for (let r = 0; r < R; r++) {
    const row = x.subarray(r * C, (r + 1) * C);
    const m = row.reduce((a, b) => a + b, 0) / C;
    const variance = row.reduce((a, b) => a + (b - m) ** 2, 0) / C;
    const s = 1 / Math.sqrt(variance + eps);
    for (let c = 0; c < C; c++) y[r * C + c] = (row[c]! - m) * s * gamma[c]! + beta[c]!;
    mean[r] = m;
    rstd[r] = s;
  }
  return { y, mean, rstd };
}

/** n = (x - mean) rstd, g = gamma dy: dx = rstd (g - mean g - n mean(g n)); dgamma = sum_r dy n; dbeta = sum_r dy. */
export function layerNormBackward(
  dy: Float64Array,
  x: Float64Array,
  gamma: Float64Array,
  { mean, rstd }: { mean: Float64Array; rstd: Float64Array },
): { dx: Float64Array; dgamma: Float64Array; dbeta: Float64Array } {
  const C = gamma.length;
  const R = x.length / C;
  const dx = new Float64Array(x.length);
  const dgamma = new Float64Array(C);
  const dbeta = new Float64Array(C);
  for (let r = 0; r < R; r++) {
    const n = (c: number): number => (x[r * C + c]! - mean[r]!) * rstd[r]!;
    let plain = 0;
    let along = 0;
    for (let c = 0; c < C; c++) {
      const d = dy[r * C + c]!;
      plain += (gamma[c]! * d) / C;
      along += (gamma[c]! * d * n(c)) / C;
      dgamma[c] = dgamma[c]! + d * n(c);
      dbeta[c] = dbeta[c]! + d;
    }
    for (let c = 0; c < C; c++) dx[r * C + c] = rstd[r]! * (gamma[c]! * dy[r * C + c]! - plain - n(c) * along);
  }
  return { dx, dgamma, dbeta };
}

export interface Heads {
  H: number;
  K: number;
  D: number;
}

/** RMS norm of each of the H query and K key heads of a row of (H + 2K) D over D; values are copied. rstd (R, H + K). */
export function headNormForward(
  x: Float64Array,
  qGamma: Float64Array,
  kGamma: Float64Array,
  { H, K, D }: Heads,
  eps: number,
  offset = 0,
): { y: Float64Array; rstd: Float64Array } {
  const heads = H + 2 * K;
  const y = x.slice();
  const R = x.length / (heads * D);
  const rstd = new Float64Array(R * (H + K));
  for (let r = 0; r < R; r++) {
    for (let h = 0; h < H + K; h++) {
      const at = (r * heads + h) * D;
      const normed = rmsNormForward(x.subarray(at, at + D), h < H ? qGamma : kGamma, eps, offset);
      y.set(normed.y, at);
      rstd[r * (H + K) + h] = normed.rstd[0]!;
    }
  }
  return { y, rstd };
}

export function headNormBackward(
  dy: Float64Array,
  x: Float64Array,
  qGamma: Float64Array,
  kGamma: Float64Array,
  { H, K, D }: Heads,
  rstd: Float64Array,
  offset = 0,
): { dx: Float64Array; dqGamma: Float64Array; dkGamma: Float64Array } {
  const heads = H + 2 * K;
  const dx = dy.slice();
  const dqGamma = new Float64Array(D);
  const dkGamma = new Float64Array(D);
  for (let r = 0; r < x.length / (heads * D); r++) {
    for (let h = 0; h < H + K; h++) {
      const at = (r * heads + h) * D;
      const [gamma, sum] = h < H ? [qGamma, dqGamma] : [kGamma, dkGamma];
      const one = rstd.subarray(r * (H + K) + h, r * (H + K) + h + 1);
      const back = rmsNormBackward(dy.subarray(at, at + D), x.subarray(at, at + D), gamma, one, offset);
      dx.set(back.dx, at);
      back.dgamma.forEach((v, d) => {
        sum[d] = sum[d]! + v;
      });
    }
  }
  return { dx, dqGamma, dkGamma };
}
