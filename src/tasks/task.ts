// What a task is: prompts, expert programs written line by line, and a verifier. Pure data and pure functions; no GPU, no DOM.
// Refuses nothing here: generators and importers check their own input.

/** One line of an expert program (one primitive action a_t of the ELBO). All three arrays have the same length. */
export interface Line {
  /** Token ids of the line, in order. */
  tokens: number[];
  /** True where the policy writes the token in a rollout; false where the environment does (an announced mode, say). */
  sampled: boolean[];
  /** True where the token's log-probability counts as the line's reward in the E-step. */
  scored: boolean[];
}

/** What the task knows of the truth, per line; used for figures and metrics, never for training. */
export interface LineTruth {
  /** A short name of the line's kind, e.g. 'plain' or 'recall'. */
  kind: string;
  /** Whether a thought helps on this line. */
  useful: boolean;
  /** The right content of a thought here (token ids), or null when there is none. */
  latent: number[] | null;
  /** The thought that an oracle writes before this line, null where it goes on with the one it has; segments of the truth begin where it is not null. */
  oracle: number[] | null;
}

/** An expert program without thoughts. */
export interface Program {
  /** Prompt token ids, beginning-of-sequence included. */
  prompt: number[];
  lines: Line[];
  /** Empty when unknown (imported code). */
  truth: LineTruth[];
}

/** A program with the thoughts that a policy put before its lines; latents[t] === null means act (no thought). */
export interface Trace {
  program: Program;
  /** Content tokens of the thought before line t, or null. Length = lines. */
  latents: (number[] | null)[];
}

/**
 * How act and think are written.
 * codebook: a line is preceded by the token `act`, or by `think` and exactly one content token in [contentLo, contentHi).
 * text: act writes nothing; think writes `think` (the "#" token), then content tokens until `contentEnd` (the newline token,
 * written too), at most maxLatentTokens content tokens, after which contentEnd is forced.
 */
export type LatentForm =
  | { kind: 'codebook'; act: number; think: number; contentLo: number; contentHi: number; maxLatentTokens: 1 }
  | { kind: 'text'; think: number; contentEnd: number; maxLatentTokens: number };

/** Programs as long as those trained on, a little longer, and much longer. */
export const RANGES = ['in', 'edge', 'hard'] as const;
export type Range = (typeof RANGES)[number];

export const BUILTIN_KINDS = ['recall-lines', 'section-lines', 'pointer-lines', 'control-lines', 'macro-lists'] as const;
export type BuiltinKind = (typeof BUILTIN_KINDS)[number];

export interface Verdict {
  /** 0 or 1 for the tasks here. */
  reward: number;
  /** Empty where lines are not judged by themselves. */
  lineOk: boolean[];
  /** Of programs that are judged by running them: each test as a person reads it, and whether it held. */
  tests?: TestVerdict[];
  /** Of the same: how the program ended. */
  end?: 'finished' | 'exception' | 'timeout' | 'memory' | 'killed';
  /** Of the same: it was ended on trying to leave the sandbox. */
  triedToLeave?: boolean;
}

export interface TestVerdict {
  text: string;
  /** null: not run, because of what came before. */
  ok: boolean | null;
  /** What came instead, of a test that did not hold: an exception, a value, how the program ended. */
  why?: string;
}

/** Shape of the small model that a built-in task's base has, a Llama unless model_type says otherwise; keys as in a Hugging Face config.json. */
export interface TinyModelShape {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  vocab_size: number;
  max_position_embeddings: number;
  rope_theta: number;
  architectures?: string[];
  model_type?: string;
  /** 1 for a layer with rotary positions, 0 for one without (SmolLM3). */
  no_rope_layers?: number[];
  layer_types?: ('full_attention' | 'sliding_attention')[];
  use_sliding_window?: boolean;
  sliding_window?: number;
}

/** A built-in task: a generator of programs with ground truth and an exact verifier. */
export interface LineTask {
  id: BuiltinKind;
  /** One paragraph for the page: what it is and what one will see. */
  about: string;
  /** tokens[i] is the printed form of id i; length = vocabulary size. */
  tokens: string[];
  latent: LatentForm;
  /** Ids [symbolLo, symbolHi) are the ones that sampled line tokens may take. */
  symbolLo: number;
  symbolHi: number;
  /** Lines of a program of range 'in'. */
  lines: number;
  /** Attention window in tokens (a position sees itself and window-1 before it, plus the current thought's content); 0 = all. */
  window: number;
  /** Longest possible sequence of range 'in': prompt + every line with a thought. */
  maxTokens: number;
  /** The same two by range. */
  ranges: Record<Range, { lines: number; maxTokens: number }>;
  model: TinyModelShape;
  /** Expert programs (no thoughts); of range 'in' when it is left out. */
  samplePrograms(rng: Rng, count: number, range?: Range): Program[];
  /** Comments of an outside annotator on a program: some useful, some random, as in the pre-training corpus' commented documents. */
  annotate(rng: Rng, program: Program): (number[] | null)[];
  /** The base model's training corpus: as samplePrograms, some with comments, some of those useful. */
  samplePretraining(rng: Rng, count: number): Trace[];
  /** Judges what a rollout wrote: written[t] are the tokens of line t as they stand in the rollout. */
  verify(program: Program, written: number[][]): Verdict;
  /** The trace as Python-like lines a person can read; one string per line, thoughts as `#` comments on their own line. */
  render(trace: Trace): string[];
}

/** Uniform in [0, 1), deterministic, counter-based (see tasks/rng.ts). */
export interface Rng {
  /** Uniform float in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  /** A new independent stream named by an integer. */
  fork(stream: number): Rng;
  /** How many words have been drawn; seek() goes on from there. */
  position(): number;
  seek(position: number): void;
}
