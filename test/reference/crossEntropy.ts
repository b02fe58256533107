// Log-probability, entropy and their gradient per row of logits in plain float64: the one loss of pre-training, E-step, M-step and RLVR.
// Promises zeros for rows whose two weights are 0 in dlogits. Refuses nothing.

export interface LossRow {
  target: number;
  /**
   * full: softmax over the vocabulary. restricted: softmax over ids [lo, hi). binary: Bernoulli on the target's probability k under the
   * full softmax, its logit shifted: k' = sigmoid(logit(k) + bias); taken says whether the target was drawn.
   */
  mode: 'full' | 'restricted' | 'binary';
  lo?: number;
  hi?: number;
  taken?: boolean;
  bias?: number;
  weight: number;
  entropyWeight?: number;
}

export interface LossRows {
  /** Per row, nats. */
  logprob: Float64Array;
  entropy: Float64Array;
  /** sum over rows of - weight logprob - entropyWeight entropy. */
  loss: number;
  /** (R, V). */
  dlogits: Float64Array;
}

const xLogX = (x: number): number => (x === 0 ? 0 : x * Math.log(x));

function logSoftmax(x: ArrayLike<number>): number[] {
  const values = Array.from(x);
  const top = Math.max(...values);
  const l = top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return values.map((v) => v - l);
}

/** logits (R, V), one LossRow each. */
export function crossEntropyRows(logits: Float64Array, V: number, rows: readonly LossRow[]): LossRows {
  const out: LossRows = {
    logprob: new Float64Array(rows.length),
    entropy: new Float64Array(rows.length),
    loss: 0,
    dlogits: new Float64Array(logits.length),
  };
  rows.forEach((row, r) => {
    const x = logits.subarray(r * V, (r + 1) * V);
    const dx = out.dlogits.subarray(r * V, (r + 1) * V);
    const entropyWeight = row.entropyWeight ?? 0;
    if (row.mode === 'binary') {
      const others = Array.from(x).filter((_, j) => j !== row.target);
      const top = Math.max(...others);
      const lOthers = top + Math.log(others.reduce((sum, v) => sum + Math.exp(v - top), 0));
      const logit = x[row.target]! - lOthers + (row.bias ?? 0);
      const k = 1 / (1 + Math.exp(-logit));
      const taken = row.taken ? 1 : 0;
      out.logprob[r] = row.taken ? -Math.log1p(Math.exp(-logit)) : -Math.log1p(Math.exp(logit));
      out.entropy[r] = -xLogX(k) - xLogX(1 - k);
      const dlogit = -row.weight * (taken - k) + entropyWeight * k * (1 - k) * logit;
      for (let j = 0; j < V; j++) dx[j] = dlogit * (j === row.target ? 1 : -Math.exp(x[j]! - lOthers));
    } else {
      const lo = row.mode === 'restricted' ? row.lo! : 0;
      const hi = row.mode === 'restricted' ? row.hi! : V;
      const logp = logSoftmax(x.subarray(lo, hi));
      const H = -logp.reduce((sum, l) => sum + Math.exp(l) * l, 0);
      out.logprob[r] = logp[row.target - lo]!;
      out.entropy[r] = H;
      logp.forEach((l, j) => {
        const p = Math.exp(l);
        dx[lo + j] = row.weight * (p - (lo + j === row.target ? 1 : 0)) + entropyWeight * p * (l + H);
      });
    }
    out.loss -= row.weight * out.logprob[r]! + entropyWeight * out.entropy[r]!;
  });
  return out;
}
