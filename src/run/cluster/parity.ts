// parity.jsonl: rollouts of the run's log, each with what an engine needs to make it again: ids, what the policy drew and from which softmax, log-probabilities,
// reward, advantage. Promises: every number is the log's own, or worked out of it and the seed; what cannot be known is left out and counted, never made up.
// Log-probabilities under the exported weights are those of the last step alone: each token's own and what the update changed. Refuses nothing.
import { objectiveOf } from '../../rlvr/objective.ts';
import { buildSequence, parseRollout, ROLE, type Sequence, withWritten } from '../../tasks/sequence.ts';
import type { LatentForm, Program } from '../../tasks/task.ts';
import type { Corpus } from '../corpus.ts';
import type { RunEvent, ShownGroup, ShownRollout, ShownToken } from '../events.ts';
import type { Arm, Recipe } from '../recipe.ts';
import { rngOf } from '../streams.ts';
import type { RowWriter } from './groundTruth.ts';

const MOST_ROLLOUTS = 200;
/** Programs that are drawn again at most, to find those of the log. */
const MOST_DRAWN = 100_000;

export interface ParityRow {
  arm: Arm;
  step: number;
  /** Rollouts of one prompt have one number. */
  group: number;
  data_source: string;
  ground_truth: string;
  completion: string;
  ids: number[];
  prompt_length: number;
  /** By the weights that the rollout was drawn by; null where the policy wrote nothing. */
  logprobs: (number | null)[];
  /** By the exported weights; null where the log does not tell them. */
  logprobs_exported: (number | null)[] | null;
  /** Ids [lo, hi) of the softmax that a token was drawn from; null as above. */
  softmax: ([number, number] | null)[];
  /** Attention window in tokens, 0 = all, and the thought [lo, hi) that is in sight beyond it. */
  window: number;
  pins: [number, number][];
  reward: number;
  advantage: number;
}

export interface Parity {
  rows: ParityRow[];
  /** Why rollouts of the log are not among them, and how many. */
  leftOut: Map<string, number>;
}

type Rollouts = Extract<RunEvent, { type: 'rollouts' }>;

export function parityOf(recipe: Recipe, events: readonly RunEvent[], arms: readonly Arm[], corpus: Corpus, writer: RowWriter): Parity {
  const finished = events.some((event) => event.type === 'end' && event.summary.status === 'finished');
  const told = events
    .filter((event): event is Rollouts => event.type === 'rollouts' && event.stage === 'rlvr' && arms.includes(event.arm))
    .sort((a, b) => b.step - a.step);
  const parity: Parity = { rows: [], leftOut: new Map() };
  const leaveOut = (why: string, count: number): void => void parity.leftOut.set(why, (parity.leftOut.get(why) ?? 0) + count);
  const programs = programFinder(recipe, corpus);
  const idOf = idFinder(corpus);
  let group = 0;
  for (const { step, groups, arm } of told) {
    const exported = finished && step === recipe.rlvr.steps;
    for (const shown of groups) {
      group++;
      if (parity.rows.length + shown.rollouts.length > MOST_ROLLOUTS) {
        leaveOut(`more than ${MOST_ROLLOUTS}`, shown.rollouts.length);
        continue;
      }
      for (const rollout of shown.rollouts) {
        const ids = idsOf(rollout.tokens, idOf);
        const program = ids && programs(shown, rollout, ids);
        if (!ids) leaveOut('ids that the log does not tell', 1);
        else if (!program) leaveOut('a program that was not found again', 1);
        else {
          const { dataSource, groundTruth } = writer.row(program);
          const prompt = program.prompt.length;
          const own = ofTokens(rollout.tokens, ids, program, corpus);
          if (!own) leaveOut('tokens that do not read as lines', 1);
          else
            parity.rows.push({
              arm,
              step,
              group,
              data_source: dataSource,
              ground_truth: groundTruth,
              completion: writer.completion(ids.slice(prompt)),
              ids,
              prompt_length: prompt,
              logprobs: rollout.tokens.map(({ logprob }) => logprob),
              logprobs_exported: exported ? exportedLogprobs(rollout.tokens) : null,
              ...own,
              window: corpus.window,
              reward: rollout.reward,
              advantage: rollout.advantage,
            });
        }
      }
    }
  }
  return parity;
}

/** null where one of them is not told. */
function exportedLogprobs(tokens: readonly ShownToken[]): (number | null)[] | null {
  const out: (number | null)[] = [];
  for (const { logprob, rise } of tokens) {
    if (logprob !== null && rise === undefined) return null;
    out.push(logprob === null ? null : Math.round((logprob + (rise as number)) * 1e4) / 1e4);
  }
  return out;
}

/** By the token's text, for logs that were written before they told ids; undefined for texts that two ids have. */
function idFinder({ tokenText, vocabulary }: Corpus): (token: ShownToken) => number | undefined {
  let byText: Map<string, number | undefined> | null = null;
  return ({ id, text }) => {
    if (id !== undefined) return id < vocabulary ? id : undefined;
    if (!byText) {
      byText = new Map();
      for (let each = 0; each < vocabulary; each++) byText.set(tokenText(each), byText.has(tokenText(each)) ? undefined : each);
    }
    return byText.get(text);
  };
}

function idsOf(tokens: readonly ShownToken[], idOf: (token: ShownToken) => number | undefined): number[] | null {
  const ids = tokens.map(idOf);
  return ids.includes(undefined) ? null : (ids as number[]);
}

/** The program that a rollout was drawn for: found by its prompt and, where the environment writes too, by what it wrote. */
function programFinder(
  recipe: Recipe,
  corpus: Corpus,
): (shown: ShownGroup, rollout: ShownRollout, ids: readonly number[]) => Program | null {
  const { programs } = corpus;
  if (programs) {
    const byPrompt = new Map([...programs].reverse().map((p) => [p.prompt.join(), p]));
    return (_, { tokens }, ids) => byPrompt.get(ids.slice(0, promptLength(tokens)).join()) ?? null;
  }
  const { prompts, steps, range } = recipe.rlvr;
  const given = (program: Program): string =>
    [program.prompt, ...program.lines.map(({ tokens, sampled }) => tokens.filter((_, i) => !sampled[i]))].flat().join();
  const drawn = new Map<string, Program>();
  const rng = rngOf(recipe.seed, 'rlvr');
  let left = Math.min(MOST_DRAWN, prompts * steps * (1 + objectiveOf(recipe.rlvr).dynamicSampling));
  return (_, { tokens }, ids) => {
    const key = ids.filter((_, i) => tokens[i]!.role === 'prompt' || tokens[i]!.role === 'given').join();
    while (!drawn.has(key) && left > 0) {
      for (const program of corpus.practice(rng, prompts, range)) if (!drawn.has(given(program))) drawn.set(given(program), program);
      left -= prompts;
    }
    return drawn.get(key) ?? null;
  };
}

function promptLength(tokens: readonly ShownToken[]): number {
  const first = tokens.findIndex(({ role }) => role !== 'prompt');
  return first < 0 ? tokens.length : first;
}

/** Which softmax each token was drawn from, and what was in sight; null where the tokens are no rollout of the program. */
function ofTokens(
  tokens: readonly ShownToken[],
  ids: readonly number[],
  program: Program,
  corpus: Corpus,
): Pick<ParityRow, 'softmax' | 'pins'> | null {
  const { form, vocabulary, window } = corpus;
  if (form.kind === 'text')
    return { softmax: tokens.map(({ logprob }) => (logprob === null ? null : [0, vocabulary])), pins: tokens.map(() => [0, 0]) };
  const { latents, written, complete } = parseRollout(ids.slice(program.prompt.length), program, form);
  if (!complete) return null;
  const sequence = buildSequence(withWritten(program, written), latents, form);
  if (sequence.ids.length !== ids.length) return null;
  return {
    softmax: tokens.map(({ logprob }, i) => (logprob === null ? null : drawnFrom(sequence, i, form, corpus))),
    pins: tokens.map((_, i) => (window > 0 ? [sequence.pinLo[i] as number, sequence.pinHi[i] as number] : [0, 0])),
  };
}

function drawnFrom(
  { roles }: Sequence,
  i: number,
  { act, think, contentLo, contentHi }: Extract<LatentForm, { kind: 'codebook' }>,
  { symbolLo, symbolHi }: Corpus,
): [number, number] {
  if (roles[i] === ROLE.decision) return [Math.min(act, think), Math.max(act, think) + 1];
  return roles[i] === ROLE.content ? [contentLo, contentHi] : [symbolLo, symbolHi];
}
