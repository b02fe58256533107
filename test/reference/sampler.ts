// What the token sampler draws from, in plain float64: temperature, then top-k, then top-p, as in Hugging Face transformers.
// Promises probabilities that sum to 1; equal logits are kept in the order of their ids. Refuses nothing.

export interface SamplerSettings {
  /** 0 = greedy: all probability on the first of the largest logits. */
  temperature: number;
  /** 0 = off. */
  topK: number;
  /** 1 = off. The smallest set of likeliest tokens whose probabilities reach topP is kept. */
  topP: number;
}

export function samplerDistribution(logits: ArrayLike<number>, s: SamplerSettings): Float64Array {
  const out = new Float64Array(logits.length);
  const order = Array.from(out.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (s.temperature === 0) {
    out[order[0]!] = 1;
    return out;
  }
  const top = logits[order[0]!]!;
  const mass = (kept: number[]): number[] => {
    const e = kept.map((id) => Math.exp((logits[id]! - top) / s.temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  };
  let kept = s.topK > 0 ? order.slice(0, s.topK) : order;
  let before = 0;
  const p = mass(kept);
  if (s.topP < 1) {
    kept = kept.filter((_, i) => {
      const keep = i === 0 || before < s.topP;
      before += p[i]!;
      return keep;
    });
  }
  mass(kept).forEach((v, i) => {
    out[kept[i]!] = v;
  });
  return out;
}
