// Ablation of a trained arm: the score of its own model with some latents, or all thoughts, switched off in sampling, beside the score with them on; the
// same held-out programs, the same random numbers. Reports as it goes. With a codebook the arm writes and is judged, and what is off is left out of the
// softmax. With text thoughts the expert's lines are scored under the arm's own thoughts, and a thought that comes out as one that is off is taken back: the
// arm acts there instead (evaluator.ts). What it writes freely is not measured again: there a thought is a comment among others.
// Promises: what is measured with nothing switched off is what it was each time (it is measured once); programs on which nothing changed are counted as such
// by their tokens. Refuses plain text, latents that the codebook does not have, and corpora without a held-out solution.
import { Evaluator } from '../evaluate/evaluator.ts';
import { bootstrap, pairedBootstrap } from '../evaluate/passAtK.ts';
import type { LatentTrace } from '../midtrain/rollouts.ts';
import type { SwitchedOff } from '../model/latentRollout.ts';
import type { Transformer } from '../model/transformer.ts';
import { makeRng } from '../tasks/rng.ts';
import type { Program } from '../tasks/task.ts';
import type { Corpus } from './corpus.ts';
import type { AblationResult, Interval } from './events.ts';
import { type Recipe, RecipeError } from './recipe.ts';

/** Programs at most, and of them judged between two reports. */
const MOST_PROGRAMS = 64;
const AT_ONCE = 16;
const MOST_SAMPLES = 8;
const MOST_TEXT_SAMPLES = 2;

interface Rollout {
  trace: LatentTrace;
  score: number;
}
type Roll = (programs: readonly Program[], stream: number) => Promise<Rollout[]>;

/** Latents by the text that traces show for them. */
export function latentsByText({ form, shown }: Corpus, program: Program): Map<string, number> {
  const out = new Map<string, number>();
  if (form.kind !== 'codebook') return out;
  for (let id = form.contentLo; id < form.contentHi; id++) {
    const { lines } = shown(
      program,
      program.lines.map((_, t) => (t === 0 ? [id] : null)),
    );
    const text = lines[0]?.thought;
    if (text !== null && text !== undefined) out.set(text, id);
  }
  return out;
}

export class Ablation {
  private readonly evaluator: Evaluator;
  private readonly corpus: Corpus;
  private readonly recipe: Recipe;
  private readonly programs: Program[];
  private readonly samples: number;
  private readonly latents: Map<string, number>;
  /** Of chunk after chunk, with nothing switched off. */
  private readonly whole: Rollout[][] = [];

  private constructor(evaluator: Evaluator, corpus: Corpus, recipe: Recipe, programs: Program[], samples: number) {
    this.evaluator = evaluator;
    this.corpus = corpus;
    this.recipe = recipe;
    this.programs = programs;
    this.samples = samples;
    this.latents = latentsByText(corpus, programs[0] as Program);
  }

  /** Of `model`, which stays the caller's. Throws RecipeError where the task has no thoughts to switch off, or nothing held out to measure on. */
  static async make(model: Transformer, corpus: Corpus, recipe: Recipe): Promise<Ablation> {
    if (!corpus.thinks) throw new RecipeError('Plain text has no thoughts that could be switched off.');
    const programs = corpus.heldOut(Math.min(MOST_PROGRAMS, recipe.evaluate.prompts)).filter((p) => p.lines.length > 0);
    if (programs.length === 0) throw new RecipeError('No held-out program has a solution whose likelihood could be measured.');
    const samples = Math.min(corpus.form.kind === 'text' ? MOST_TEXT_SAMPLES : MOST_SAMPLES, recipe.evaluate.samples);
    const rows = Math.min(AT_ONCE, programs.length) * samples;
    const shape = { rows, T: corpus.sizes.in.maxTokens, S: corpus.sizes.in.maxScript, W: corpus.window };
    const { form, symbolLo, symbolHi } = corpus;
    return new Ablation(await Evaluator.make(model, shape, { form, symbolLo, symbolHi, bias: 0 }), corpus, recipe, programs, samples);
  }

  /** `thoughts`: texts of latents as traces show them, or null for all thoughts. */
  async measure(thoughts: readonly string[] | null, report: (soFar: AblationResult) => void): Promise<AblationResult> {
    if (thoughts?.length === 0) throw new RecipeError('Nothing was named to be switched off. Choose a latent, or all thoughts.');
    const roll = this.corpus.form.kind === 'text' ? this.reader(thoughts) : this.writer(thoughts);
    const plain = this.corpus.form.kind === 'text' ? this.reader([]) : this.writer([]);
    const ablated: Rollout[][] = [];
    let result: AblationResult | null = null;
    for (let from = 0; from < this.programs.length; from += AT_ONCE) {
      const chunk = from / AT_ONCE;
      const all = this.programs.slice(from, from + AT_ONCE).flatMap((p) => new Array<Program>(this.samples).fill(p));
      this.whole[chunk] ??= await plain(all, from * this.samples);
      ablated.push(await roll(all, from * this.samples));
      result = this.compare(thoughts, this.whole.slice(0, chunk + 1).flat(), ablated.flat());
      report(result);
    }
    return result as AblationResult;
  }

  /** Written lines, judged. */
  private writer(thoughts: readonly string[] | null): Roll {
    const { evaluator, corpus, recipe } = this;
    const verify = corpus.verify as NonNullable<Corpus['verify']>;
    const off = this.switchedOff(thoughts);
    return async (programs, stream) => {
      const traces = await evaluator.scripted(off).sample(programs, recipe.seed, stream);
      const verdicts = await verify(traces);
      return traces.map((trace, i) => ({ trace, score: verdicts[i]?.reward === 1 ? 1 : 0 }));
    };
  }

  /** Expert lines, scored. */
  private reader(thoughts: readonly string[] | null): Roll {
    const { evaluator, corpus, recipe } = this;
    const texts = new Set(thoughts);
    const isOff = (_: Program, latent: readonly number[]): boolean => texts.has(corpus.text(latent));
    return async (programs, stream) => {
      const rows = await evaluator.forcedWithout(programs, recipe.seed, stream, thoughts === null ? 'thoughts' : isOff);
      return rows.map(({ trace, nll, tokens }) => ({ trace, score: nll / Math.max(1, tokens) }));
    };
  }

  private switchedOff(thoughts: readonly string[] | null): SwitchedOff {
    if (thoughts === null) return 'thoughts';
    return thoughts.map((text) => {
      const id = this.latents.get(text);
      if (id === undefined) throw new RecipeError(`"${text}" is no latent of this task: they are ${[...this.latents.keys()].join(', ')}.`);
      return id;
    });
  }

  private compare(thoughts: readonly string[] | null, whole: readonly Rollout[], ablated: readonly Rollout[]): AblationResult {
    const { samples, recipe, corpus } = this;
    const perProgram = (rollouts: readonly Rollout[]): Float64Array => {
      const out = new Float64Array(rollouts.length / samples);
      rollouts.forEach(({ score }, i) => {
        const p = Math.floor(i / samples);
        out[p] = (out[p] as number) + score / samples;
      });
      return out;
    };
    const [a, b] = [perProgram(whole), perProgram(ablated)];
    const rng = makeRng(recipe.seed, 78);
    const interval = (values: Float64Array): Interval => bootstrap(values, rng);
    return {
      score: corpus.form.kind === 'text' ? 'nll' : 'pass@1',
      off: thoughts === null ? null : [...thoughts],
      programs: a.length,
      of: this.programs.length,
      samples,
      whole: interval(a),
      ablated: interval(b),
      difference: pairedBootstrap(b, a, rng),
      changed: whole.filter((r, i) => !sameTokens(r, ablated[i] as Rollout)).length,
      thoughts: { whole: thoughtsPerProgram(whole), ablated: thoughtsPerProgram(ablated) },
    };
  }

  destroy(): void {
    this.evaluator.destroy();
  }
}

function sameTokens({ trace: { sequence: a } }: Rollout, { trace: { sequence: b } }: Rollout): boolean {
  return a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i]);
}

function thoughtsPerProgram(rollouts: readonly Rollout[]): number {
  return rollouts.reduce((n, { trace }) => n + trace.latents.filter(Boolean).length, 0) / Math.max(1, rollouts.length);
}
