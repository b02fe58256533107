// What the token sampler draws from, in plain float64: repetition penalty, temperature, top-k, top-p, min-p, in this order and as defined in Hugging
// Face transformers. Promises probabilities that sum to 1; of equal logits at the edge of top-k all are kept. Refuses nothing.

export interface SamplerSettings {
  /** 0 = greedy: all probability on the first of the largest logits. */
  temperature: number;
  /** 0 = off. */
  topK: number;
  /** 1 = off. The smallest set of likeliest tokens whose probabilities reach topP is kept. */
  topP: number;
  /** 0 = off. Tokens with less than minP times the likeliest token's probability are left out. */
  minP: number;
  /** 1 = off. */
  repetitionPenalty: number;
}

export const PLAIN: SamplerSettings = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

/** Logits after the repetition penalty. */
export function penalised(logits: ArrayLike<number>, penalty: number, seen: ReadonlySet<number>): Float64Array {
  return Float64Array.from(logits, (x, id) => (seen.has(id) ? (x < 0 ? x * penalty : x / penalty) : x));
}

/** Probability of every id; `seen` are the tokens of the prompt and those generated so far. */
export function samplerDistribution(logits: ArrayLike<number>, s: SamplerSettings, seen: ReadonlySet<number> = new Set()): Float64Array {
  const scores = penalised(logits, s.repetitionPenalty, seen);
  const out = new Float64Array(scores.length);
  const order = Array.from(out.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  if (s.temperature === 0) {
    out[order[0]!] = 1;
    return out;
  }
  const top = scores[order[0]!]!;
  const mass = (kept: number[]): number[] => {
    const e = kept.map((id) => Math.exp((scores[id]! - top) / s.temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  };
  let kept = order;
  if (s.topK > 0) {
    const last = scores[order[Math.min(s.topK, order.length) - 1]!]!;
    kept = kept.filter((id) => scores[id]! >= last);
  }
  if (s.topP < 1) {
    const p = mass(kept);
    let before = 0;
    kept = kept.filter((_, i) => {
      const keep = i === 0 || before < s.topP;
      before += p[i]!;
      return keep;
    });
  }
  if (s.minP > 0) {
    const p = mass(kept);
    const likeliest = p[0]!;
    kept = kept.filter((_, i) => p[i]! >= s.minP * likeliest);
  }
  mass(kept).forEach((v, i) => {
    out[kept[i]!] = v;
  });
  return out;
}
