// A study with the logs of its runs: what every section of the report is made from.
import type { SeedLog } from './seedLog.ts';
import type { Study, Variant } from './study.ts';

export interface VariantLogs {
  variant: Variant;
  /** Of the finished runs, by seed. */
  logs: readonly SeedLog[];
  /** Runs that the study asks for and that are not among them. */
  absent: readonly { seed: number; why: string; failed: string | null }[];
}

export interface StudyLogs {
  study: Study;
  variants: readonly VariantLogs[];
}
