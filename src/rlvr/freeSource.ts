// Rollouts that are whole texts: from each program's prompt the model writes freely, temperature 1 over the whole vocabulary, until it ends the text, a stop
// string is complete, or the limit is reached. Lines that begin with the think token are thoughts (tasks/freeText.ts).
// Promises: every token after the prompt is the policy's, the one that completed a stop string included; (seed, stream) and the row name its random numbers.
// Refuses prompts that leave no room for a token (through the generator).
import { bindableSlots } from '../model/decodeStep.ts';
import { Generator, type RequestText } from '../model/generator.ts';
import type { Transformer } from '../model/transformer.ts';
import { type FreeForm, readFree } from '../tasks/freeText.ts';
import { makeRng } from '../tasks/rng.ts';
import { type Targets, targetsOf } from '../tasks/targets.ts';
import type { LatentForm, Program } from '../tasks/task.ts';
import type { PolicyRollout, RolloutSource } from './source.ts';

/** How whole programs are written. */
export interface FreePolicy {
  form: FreeForm;
  latent: LatentForm;
  /** Longest sequence, prompt included, and tokens written at most. */
  T: number;
  maxNewTokens: number;
  /** A text that follows what is written after this program's prompt, and knows its stop strings. */
  text(program: Program): RequestText;
}

/** Texts written side by side. */
const SLOTS = { software: 16, gpu: 64 };

export class FreeSource implements RolloutSource {
  readonly limit: number;
  private readonly generator: Generator;
  private readonly policy: FreePolicy;

  private constructor(generator: Generator, policy: FreePolicy) {
    this.generator = generator;
    this.policy = policy;
    this.limit = policy.maxNewTokens;
  }

  /** Writes at most `rows` texts at a time. */
  static async make(model: Transformer, rows: number, policy: FreePolicy): Promise<FreeSource> {
    const slots = Math.min(rows, SLOTS[model.gpu.software ? 'software' : 'gpu'], bindableSlots(model, policy.T));
    return new FreeSource(await Generator.make(model, { slots, capacity: policy.T }), policy);
  }

  async sample(programs: readonly Program[], seed: number, stream: number): Promise<PolicyRollout[]> {
    // rows of different (seed, stream) share no numbers, as neighbouring streams would
    const own = makeRng(seed, stream).int(2 ** 32);
    const results = await this.generator.generateAll(
      programs.map((program, row) => ({
        promptIds: program.prompt,
        maxTokens: this.policy.maxNewTokens,
        temperature: 1,
        seed: own,
        stream: row,
        stopIds: this.policy.form.endIds,
        text: this.policy.text(program),
      })),
    );
    return results.map(({ ids, logprobs, entropies, text, reason }, row): PolicyRollout => {
      const program = programs[row] as Program;
      const { latents, written, sequence } = readFree(program, ids, this.policy.form);
      const perToken = (values: readonly number[]): Float32Array => {
        const out = new Float32Array(sequence.ids.length);
        out.set(values, program.prompt.length);
        return out;
      };
      return {
        program,
        latents,
        written,
        sequence,
        logprob: perToken(logprobs),
        entropy: perToken(entropies),
        decisionLogprob: new Float32Array(0),
        decisionEntropy: new Float32Array(0),
        capHit: new Uint8Array(latents.length),
        truncated: reason === 'length' || reason === 'capacity',
        completion: text,
      };
    });
  }

  targets({ sequence }: PolicyRollout): Targets {
    return targetsOf(sequence, 'policy-rlvr', { latent: this.policy.latent });
  }

  destroy(): void {
    this.generator.destroy();
  }
}
