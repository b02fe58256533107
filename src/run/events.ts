// The run log: everything a run says, as a flat list of small JSON objects (one per line in log.jsonl). The page, the command line,
// replays and links all read this and nothing else. Numbers that are not finite are written as null and shown as gaps.
import type { Range, TestVerdict } from '../tasks/task.ts';
import type { Arm, Recipe } from './recipe.ts';

/** What a run goes through, in order; iteration numbers count EM rounds from 1. */
export type Stage = 'base' | 'ntp' | 'e-step' | 'infuse' | 'm-step' | 'rlvr' | 'evaluate';
export type Phase = 'before' | 'after'; // before or after RLVR

export interface StageRef {
  stage: Stage;
  arm: Arm;
  /** EM iteration (1-based) for e-step, infuse and m-step. */
  iteration?: number;
  phase?: Phase;
}

/** When, counted from the beginning of the run: by the clock, and in tokens sampled or trained on. */
export interface Spent {
  timeMs: number;
  tokens: number;
}

/** Metric names (RA3.md section 5, RLVR.md section 1). Not every stage reports each. */
export type Metrics = Record<string, number | null>;

/** One trace as shown: per line its text, kind, decision and numbers. */
export interface ShownLine {
  text: string;
  kind: string;
  /** The thought's text when the policy thought before this line, else null. */
  thought: string | null;
  /** P(think) at this boundary under the policy. */
  pThink: number;
  /** log p(line | prefix, latents), nats. */
  lineLogprob: number;
  /** lineLogprob minus the same line's with no thought anywhere in the trace, nats. */
  gain: number;
  /** Whether the thought's content is right; null when unknown or no thought. */
  right: boolean | null;
}
export interface ShownTrace {
  prompt: string;
  lines: ShownLine[];
}

/** A program with the thoughts that q put into it for the M-step: what the policy was taught. */
export interface InfusedProgram {
  prompt: string;
  lines: Pick<ShownLine, 'text' | 'kind' | 'thought' | 'right'>[];
}

export interface ShownToken {
  text: string;
  /** Absent in logs written before it was. */
  id?: number;
  logprob: number | null; // null = written by the prompt or the environment
  role: 'prompt' | 'decision' | 'thought' | 'line' | 'given';
  /** Of the softmax that the policy drew it from, nats; absent where it drew nothing, and in logs written before it was. */
  entropy?: number;
  /** logprob after this step's update less before it; absent likewise. */
  rise?: number;
}
export interface ShownRollout {
  tokens: ShownToken[];
  reward: number;
  advantage: number;
  lineOk: boolean[];
  /** Of programs judged by running them: each test and whether it held (null: not run), and how the program ended. Absent for other tasks. */
  tests?: TestVerdict[];
  end?: string;
}
export interface ShownGroup {
  prompt: string;
  rollouts: ShownRollout[];
}

export interface Interval {
  mean: number;
  lo: number;
  hi: number;
}

/** Of the rollouts that an arm was judged by; null where there is nothing to average, or the truth is unknown. */
export interface Abstractions {
  /** P(think | kind of line). */
  thinkByKind: Record<string, number>;
  /** Of the thoughts, the fraction on lines where one is useful; of the useful lines, the fraction with a thought. */
  precision: number | null;
  recall: number | null;
  /** Of the useful lines, the fraction at which the thought then held, old or new, is right. */
  heldRight: number | null;
  /** Of the boundaries where a thought is held, the fraction at which it is kept. */
  persistence: number | null;
  /** Fractions of the segments that last 1, 2, ... lines (16 at most). */
  durations: number[] | null;
  /** gbar = mean gamma^duration with gamma 0.98, the largest mean by line of the start, and 1 / (1 - gbar). */
  horizon: { gbar: number; gbarSup: number; effective: number } | null;
  /** Thoughts, and lines before the first. */
  decisionsPerProgram: number | null;
  /** Act and contents in use: exp(entropy) of how often each is chosen, and the number chosen at one boundary in a hundred or more. */
  actions: { perplexity: number; count: number } | null;
  /** exp of the policy's mean entropy over act and contents at a boundary. */
  actionsPerState: number | null;
  /** Different lines in one place of a program's samples, and the fraction of places at which the expert's is among them. */
  lines: { samples: number; distinct: number; expertCovered: number } | null;
  latentPerplexity: number | null;
  /** Tokens after the prompt per token of the expert's lines. */
  tokensPerExpertToken: number | null;
}

export interface ArmResult {
  arm: Arm;
  phase: Phase;
  /** Which programs it was judged on; left out for those as long as the trained ones. */
  range?: Exclude<Range, 'in'>;
  /** 95 % bootstrap intervals over problems; keys '1', '8', ... Empty for tasks without a verifier. */
  passAt: Record<string, Interval>;
  /** Thoughts per line, overall and by line index. */
  thinkRate: number;
  thinkByLine: number[];
  thoughtsPerProgram: number;
  /** Mean length of segments in lines; null when no thought was had. */
  meanDuration: number | null;
  /** Fraction of thoughts whose content is right; null when unknown or none. */
  contentRight: number | null;
  /** Mean negative log-likelihood of held-out expert lines per scored token, nats (thoughts sampled by the arm's own policy for ra3). */
  heldOutNll: number | null;
  /** Labels and boundaries of its segments against the truth's; null when the truth is unknown. Absent in logs and links written before it was. */
  agreement?: { nmi: number; ari: number; boundaryF1: number | null } | null;
  /** Absent in links, and in logs written before it was. */
  abstractions?: Abstractions;
}

/** Score of an arm with latents switched off in sampling and without, on the same held-out programs with the same random numbers. */
export interface AblationResult {
  /** nll: of expert lines under the arm's own thoughts, nats per scored token, mean over programs. */
  score: 'pass@1' | 'nll';
  /** Texts of the latents that were switched off; null: all thoughts. */
  off: string[] | null;
  /** Programs judged so far, of so many, each with so many samples. */
  programs: number;
  of: number;
  samples: number;
  /** 95 % bootstrap intervals over programs; the difference is ablated less whole, paired by program. */
  whole: Interval;
  ablated: Interval;
  difference: Interval;
  /** Rollouts whose tokens differ. */
  changed: number;
  /** Mean per program. */
  thoughts: { whole: number; ablated: number };
}

/** One training step, dispatch by dispatch: times are means over the rounds. */
export interface StepProfile {
  plan: string;
  /** timestamps: around every dispatch. submissions: of runs of one kernel, submitted and waited for alone. */
  method: 'timestamps' | 'submissions';
  /** The steps in which time was told, or what an empty submission took. */
  resolutionUs: number;
  rounds: number;
  timeMs: number;
  /** What the adapter does at best, measured. */
  ceiling: { gflopPerS: number; gbPerS: number };
  /** In the step's order. */
  dispatches: { kernel: string; phase: 'forward' | 'loss' | 'backward' | 'optimiser' | 'sampling'; layer: number | null; timeUs: number }[];
  /** Longest first. */
  kernels: { kernel: string; calls: number; timeMs: number; share: number; gflopPerS: number; gbPerS: number }[];
  /** Live GPU memory while the step was there, by use; most first. */
  memory: { use: string; sizeBytes: number }[];
}

export interface AdapterReport {
  vendor: string;
  architecture: string;
  description: string;
  software: boolean;
  features: string[];
}

/** Fingerprints of the model and the data that a run was given, in hexadecimal; empty where it was given none. */
export interface RunInputPrints {
  model: string;
  data: string;
}

export type RunEvent =
  | {
      type: 'start';
      runId: string;
      recipe: Recipe;
      adapter: AdapterReport;
      version: string;
      startedAt: string;
      parameters: number;
      /** What the run will go through, in order; absent in logs written before it was. */
      stages?: { ref: StageRef; steps: number }[];
      /** What the recipe alone does not name; absent in logs written before it was. */
      inputs?: RunInputPrints;
      /** Checksums of the whole log, of runs opened from a link alone: their curves are thinned. */
      digest?: { count: number; marks: number[] };
    }
  /** `at`, here and below, is absent in links and in logs written before it was. */
  | ({ type: 'stage'; status: 'start' | 'end'; steps: number; timeMs: number; at?: Spent } & StageRef)
  /** done of total steps of this stage; overall in [0, 1]; leftMs is an estimate for the whole run. */
  | ({ type: 'progress'; done: number; total: number; overall: number; leftMs: number | null } & StageRef)
  | ({ type: 'metrics'; step: number; values: Metrics; at?: Spent } & StageRef)
  /** What the policy does now, on a few fixed programs, at this step of this stage. */
  | ({ type: 'traces'; step: number; traces: ShownTrace[] } & StageRef)
  /** Of the `of` programs infused in this EM iteration, the first so many. */
  | ({ type: 'infused'; of: number; programs: InfusedProgram[] } & StageRef)
  | ({ type: 'rollouts'; step: number; groups: ShownGroup[] } & StageRef)
  | ({ type: 'result'; result: ArmResult } & StageRef)
  | { type: 'notice'; level: 'info' | 'warning' | 'error'; message: string }
  | { type: 'end'; summary: RunSummary };

export interface RunSummary {
  status: 'finished' | 'stopped' | 'failed';
  error: string | null;
  results: ArmResult[];
  /** Tokens processed (sampled or trained on) per second of the whole run. */
  tokPerS: number;
  timeMs: number;
  /** GPU memory at its most; absent in logs written before it was. */
  peakBytes?: number;
}

/** What a recipe will take on an adapter, told before it runs. */
export interface RunEstimate {
  parameters: number;
  /** GPU memory at the most. */
  peakBytes: number;
  /** Copies of the weights that are held at the most, and the bytes of one. */
  models: { count: number; bytes: number };
  /** Gradients and moments. */
  optimizerBytes: number;
  /** The stage that needs most for its batch: activations, rollouts, buffers. */
  largest: { ref: StageRef | null; bytes: number };
  /** In order; cost in multiply-adds through the parameters. */
  stages: { ref: StageRef; steps: number; cost: number }[];
}
