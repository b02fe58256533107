// Gumbel-max sampling over ids [lo, hi) of a row of logits shared by LANES threads: argmax_v (logit[v] inverseTemperature + G_v) with
// G_v = -log(-log u_v), u_v from Philox at (position, row, v / 4, 0): four ids share one call. Needs lib/rng and lib/reduce.

struct Best { score: f32, id: u32 }

fn better(best: Best, score: f32, id: u32) -> Best {
  if (score > best.score) { return Best(score, id); }
  return best;
}

fn gumbel(bits: u32) -> f32 { return -log(-log(unitFloat(bits))); }

// The winner over the LANES threads of a row: the highest score, the lowest id among equals.
fn rowBest(best: Best, local: u32) -> u32 {
  let top = rowMax(best.score, local);
  let candidate = select(-1.6e7, -f32(best.id), best.score == top);
  return u32(-rowMax(candidate, local));
}
