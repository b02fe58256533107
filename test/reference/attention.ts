// Attention in plain float64, forward and backward: causal, grouped queries, a window, a pinned range per position, documents packed in a row.
// Promises zeros for rows at or beyond a sequence's length. Refuses nothing.

export interface AttentionShape {
  B: number;
  T: number;
  /** Query heads, key and value heads (H a multiple of K), head width. */
  H: number;
  K: number;
  D: number;
  /** Position i sees j with i - j < W; 0 = all. */
  W: number;
  /** (B T): position i also sees every j <= i with pinLo[i] <= j < pinHi[i], j counted from its sequence's start. */
  pinLo?: ArrayLike<number>;
  pinHi?: ArrayLike<number>;
  /** (B T): where the document of each position starts; nothing before it is seen. 0 when left out. */
  starts?: ArrayLike<number>;
  /** (B): tokens of each sequence; T when left out. */
  lengths?: ArrayLike<number>;
  /** Factor of the scores; 1 / sqrt(D) when left out. */
  scale?: number;
}

/** Whether position i of sequence b sees position j. */
export function sees(s: AttentionShape, b: number, i: number, j: number): boolean {
  const length = s.lengths?.[b] ?? s.T;
  if (i >= length || j > i) return false;
  const inWindow = s.W === 0 || i - j < s.W;
  const row = b * s.T + i;
  if (j < (s.starts?.[row] ?? 0)) return false;
  return inWindow || (j >= (s.pinLo?.[row] ?? 0) && j < (s.pinHi?.[row] ?? 0));
}

const scaleOf = (s: AttentionShape): number => s.scale ?? 1 / Math.sqrt(s.D);

/** Offset of a head's vector in qkv (B T, (H + 2K) D): queries, then keys, then values. */
function offset(s: AttentionShape, b: number, i: number, head: number): number {
  return ((b * s.T + i) * (s.H + 2 * s.K) + head) * s.D;
}

/** o (B T, H D) and L (B H T), the logsumexp of the scaled scores. qkv (B T, (H + 2K) D), already rotated. */
export function attentionForward(qkv: Float64Array, s: AttentionShape): { o: Float64Array; L: Float64Array } {
  const o = new Float64Array(s.B * s.T * s.H * s.D);
  const L = new Float64Array(s.B * s.H * s.T);
  for (let b = 0; b < s.B; b++) {
    for (let h = 0; h < s.H; h++) {
      const kv = Math.floor(h / (s.H / s.K));
      for (let i = 0; i < s.T; i++) {
        const scores = scoresOf(qkv, s, b, h, i);
        if (scores.length === 0) continue;
        const top = Math.max(...scores.map((x) => x.score));
        const l = top + Math.log(scores.reduce((sum, x) => sum + Math.exp(x.score - top), 0));
        L[(b * s.H + h) * s.T + i] = l;
        for (const { j, score } of scores) {
          const p = Math.exp(score - l);
          const v = offset(s, b, j, s.H + s.K + kv);
          const out = ((b * s.T + i) * s.H + h) * s.D;
          for (let d = 0; d < s.D; d++) o[out + d] = o[out + d]! + p * qkv[v + d]!;
        }
      }
    }
  }
  return { o, L };
}

function scoresOf(qkv: Float64Array, s: AttentionShape, b: number, h: number, i: number): { j: number; score: number }[] {
  const kv = Math.floor(h / (s.H / s.K));
  const q = offset(s, b, i, h);
  const out: { j: number; score: number }[] = [];
  for (let j = 0; j <= i; j++) {
    if (!sees(s, b, i, j)) continue;
    const k = offset(s, b, j, s.H + kv);
    let dot = 0;
    for (let d = 0; d < s.D; d++) dot += qkv[q + d]! * qkv[k + d]!;
    out.push({ j, score: dot * scaleOf(s) });
  }
  return out;
}

/** dqkv (B T, (H + 2K) D) from dO (B T, H D); the keys and values of a group add over its query heads. */
export function attentionBackward(dO: Float64Array, qkv: Float64Array, o: Float64Array, L: Float64Array, s: AttentionShape): Float64Array {
  const dqkv = new Float64Array(qkv.length);
  const scale = scaleOf(s);
  for (let b = 0; b < s.B; b++) {
    for (let h = 0; h < s.H; h++) {
      const kv = Math.floor(h / (s.H / s.K));
      for (let i = 0; i < s.T; i++) {
        const q = offset(s, b, i, h);
        const out = ((b * s.T + i) * s.H + h) * s.D;
        let delta = 0;
        for (let d = 0; d < s.D; d++) delta += dO[out + d]! * o[out + d]!;
        for (const { j, score } of scoresOf(qkv, s, b, h, i)) {
          const p = Math.exp(score - L[(b * s.H + h) * s.T + i]!);
          const k = offset(s, b, j, s.H + kv);
          const v = offset(s, b, j, s.H + s.K + kv);
          let dp = 0;
          for (let d = 0; d < s.D; d++) dp += dO[out + d]! * qkv[v + d]!;
          const dScore = p * (dp - delta) * scale;
          for (let d = 0; d < s.D; d++) {
            dqkv[q + d] = dqkv[q + d]! + dScore * qkv[k + d]!;
            dqkv[k + d] = dqkv[k + d]! + dScore * qkv[q + d]!;
            dqkv[v + d] = dqkv[v + d]! + p * dO[out + d]!;
          }
        }
      }
    }
  }
  return dqkv;
}
