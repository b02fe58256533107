// The bounds of the theory in closed form, for the instruments and for whoever sets a run's numbers beside them. Pure. Refuses nothing.

export interface PruningCase {
  /** |Z_eps|. */
  needed: number;
  /** |Z|. */
  candidates: number;
  sigma: number;
  delta: number;
}

/** |Z_eps| log(|Z| / delta) / sigma: demonstrations that prune every (eps, sigma)-bad set with probability 1 - delta (derived in pruning.ts). */
export function sufficientDemonstrations({ needed, candidates, sigma, delta }: PruningCase): number {
  return (needed * Math.log(candidates / delta)) / sigma;
}

/** 1 / (1 - gbar) log(R_max / (eps (1 - gbar))): sweeps that suffice for an error of eps, R_max = 1. */
export function sufficientSweeps(gbar: number, tolerance: number): number {
  return Math.log(1 / (tolerance * (1 - gbar))) / (1 - gbar);
}

/** The duration whose gamma^tau is gbar: what an option of fixed length would have to last to contract as much. */
export function equivalentDuration(gbar: number, gamma: number): number {
  return Math.log(gbar) / Math.log(gamma);
}
