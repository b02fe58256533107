// The floor under the first think rate of text latents: models that hardly ever comment by themselves would give the E-step nothing to learn from. Pure.
// Refuses nothing.

const LARGEST = 60;

/** The bias on the logits of p(think) that lifts their mean probability to `floor`; 0 where it is there already. */
export function thinkBias(logits: readonly number[], floor: number): number {
  if (meanThinkRate(logits, 0) >= floor) return 0;
  let [lo, hi] = [0, LARGEST];
  for (let n = 0; n < 50; n++) {
    const mid = (lo + hi) / 2;
    if (meanThinkRate(logits, mid) < floor) lo = mid;
    else hi = mid;
  }
  return hi;
}

export function meanThinkRate(logits: readonly number[], bias: number): number {
  return logits.reduce((n, x) => n + 1 / (1 + Math.exp(-x - bias)), 0) / logits.length;
}
