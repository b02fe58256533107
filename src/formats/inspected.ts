// What is known of each tensor of a model: sizes, statistics, and how far training moved it. All names are untrusted: show them as text.

export interface TensorStatistics {
  elements: number;
  /** Of the finite values; null where there is none. */
  min: number | null;
  max: number | null;
  mean: number | null;
  /** Of the population: divided by the number of values. */
  std: number | null;
  /** Square root of the sum of squares. */
  norm: number | null;
  /** Fraction of all values that are exactly zero. */
  zeros: number;
  nans: number;
  infinities: number;
  histogram: Histogram | null;
}

/** Counts of equal bins from lo to hi; what lies beyond counts in the first and the last. */
export interface Histogram {
  lo: number;
  hi: number;
  counts: number[];
}

export interface TensorChange {
  /** |now - before| and |before|: square roots of sums of squares. */
  norm: number;
  normBefore: number;
  /** The largest |now - before| of one value, and where it is. */
  largest: number;
  largestAt: number;
  /** Pairs of which one is not finite. */
  skipped: number;
}

export interface InspectedTensor {
  name: string;
  shape: number[];
  dtype: string;
  /** As stored; null for a dtype that is not known. */
  sizeBytes: number | null;
  statistics: TensorStatistics | null;
  /** Why there are no statistics. */
  problem: string | null;
  /** Against the model that it was trained from; null where there is none to compare with. */
  change: TensorChange | null;
}
