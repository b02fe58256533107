// Ablation of a trained arm: the score of its own model with some latents, or all thoughts, switched off in sampling, beside the score with them on; the
// same held-out programs, the same random numbers. Reports as it goes.
// Promises: what is measured with nothing switched off is what it was each time (it is measured once); programs on which nothing changed are counted as such
// by their tokens. Refuses tasks whose programs are not judged line by line, latents that the task does not have.
import { Evaluator, type Judged } from '../evaluate/evaluator.ts';
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

type Rollout = Judged<LatentTrace>;

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

  private constructor(evaluator: Evaluator, corpus: Corpus, recipe: Recipe) {
    this.evaluator = evaluator;
    this.corpus = corpus;
    this.recipe = recipe;
    this.programs = corpus.heldOut(Math.min(MOST_PROGRAMS, recipe.evaluate.prompts));
    this.samples = Math.min(MOST_SAMPLES, recipe.evaluate.samples);
    this.latents = latentsByText(corpus, this.programs[0] as Program);
  }

  /** Of `model`, which stays the caller's. Throws RecipeError where the task's thoughts cannot be switched off. */
  static async make(model: Transformer, corpus: Corpus, recipe: Recipe): Promise<Ablation> {
    if (!corpus.verify || corpus.free || corpus.form.kind !== 'codebook')
      throw new RecipeError(
        'Latents can be switched off in tasks with a codebook of latents and an exact verifier; the thoughts of this one are free text.',
      );
    const samples = Math.min(MOST_SAMPLES, recipe.evaluate.samples);
    const shape = { rows: AT_ONCE * samples, T: corpus.sizes.in.maxTokens, S: corpus.sizes.in.maxScript, W: corpus.window };
    const { form, symbolLo, symbolHi } = corpus;
    return new Ablation(await Evaluator.make(model, shape, { form, symbolLo, symbolHi, bias: 0 }), corpus, recipe);
  }

  /** `thoughts`: texts of latents as traces show them, or null for all thoughts. */
  async measure(thoughts: readonly string[] | null, report: (soFar: AblationResult) => void): Promise<AblationResult> {
    const off = this.switchedOff(thoughts);
    const ablated: Rollout[][] = [];
    let result: AblationResult | null = null;
    for (let from = 0; from < this.programs.length; from += AT_ONCE) {
      const chunk = from / AT_ONCE;
      const some = this.programs.slice(from, from + AT_ONCE);
      this.whole[chunk] ??= await this.judge(some, from, []);
      ablated.push(await this.judge(some, from, off));
      result = this.compare(thoughts, this.whole.slice(0, chunk + 1).flat(), ablated.flat());
      report(result);
    }
    return result as AblationResult;
  }

  private switchedOff(thoughts: readonly string[] | null): SwitchedOff {
    if (thoughts === null) return 'thoughts';
    if (thoughts.length === 0) throw new RecipeError('Nothing was named to be switched off. Choose a latent, or all thoughts.');
    return thoughts.map((text) => {
      const id = this.latents.get(text);
      if (id === undefined) throw new RecipeError(`"${text}" is no latent of this task: they are ${[...this.latents.keys()].join(', ')}.`);
      return id;
    });
  }

  private async judge(programs: readonly Program[], from: number, off: SwitchedOff): Promise<Rollout[]> {
    const { evaluator, corpus, samples, recipe } = this;
    const verify = corpus.verify as NonNullable<Corpus['verify']>;
    const all = programs.flatMap((p) => new Array<Program>(samples).fill(p));
    const traces = await evaluator.scripted(off).sample(all, recipe.seed, from * samples);
    const verdicts = await verify(traces);
    return traces.map((trace, i) => ({ trace, verdict: verdicts[i] as Rollout['verdict'] }));
  }

  private compare(thoughts: readonly string[] | null, whole: readonly Rollout[], ablated: readonly Rollout[]): AblationResult {
    const { samples, recipe } = this;
    const score = (rollouts: readonly Rollout[]): Float64Array => {
      const out = new Float64Array(rollouts.length / samples);
      rollouts.forEach(({ verdict }, i) => {
        const p = Math.floor(i / samples);
        out[p] = (out[p] as number) + (verdict.reward === 1 ? 1 / samples : 0);
      });
      return out;
    };
    const [a, b] = [score(whole), score(ablated)];
    const rng = makeRng(recipe.seed, 78);
    const interval = (values: Float64Array): Interval => bootstrap(values, rng);
    return {
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
