// R45: a run that was interrupted anywhere goes on in another process, on another device, from the bytes of its last checkpoint: its log and
// its weights are those of an unbroken run, bit for bit.
import { beforeAll, describe, expect, it } from 'vitest';
import { openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { RunControl } from '../../src/run/control.ts';
import { makeCorpus } from '../../src/run/corpus.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import type { Recipe } from '../../src/run/recipe.ts';
import type { Checkpoint } from '../../src/run/runCore.ts';
import { type RunOutcome, runRecipe } from '../../src/run/runner.ts';
import { decodeState, encodeState } from '../../src/run/stateBytes.ts';
import { builtinTask } from '../../src/tasks/builtin.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { TINY } from './tinyModel.ts';

const ARCHITECTURE = llamaArchitecture({ ...TINY, vocabulary: builtinTask('recall-lines').tokens.length });

function recipe(): Recipe {
  const made = presetRecipe('recall-lines', 'quick');
  const m = { steps: 3, batch: 4, lr: 1e-3, weightDecay: 0.01 };
  Object.assign(made.ra3, { emIterations: 2, eSteps: 3, programs: 4, group: 4, infuse: 24, separate: true, m });
  made.ntp = { ...m };
  made.rlvr = { ...made.rlvr, steps: 3, prompts: 2, group: 4 };
  made.evaluate = { prompts: 2, samples: 8, ranges: ['in', 'edge'] };
  return made;
}

interface Kept {
  bytes: Uint8Array;
  /** Events that were said before it. */
  events: number;
  at: string;
}

async function run(from?: Checkpoint): Promise<{ outcome: RunOutcome; events: RunEvent[]; kept: Kept[] }> {
  const events: RunEvent[] = [];
  const kept: Kept[] = [];
  const control = new RunControl();
  // holds at every boundary for as long as a checkpoint takes
  if (!from) control.boundary = async (onHold) => void (await onHold?.());
  const outcome = await runRecipe({
    gpu: await openGpu((await openNodeGpu()).adapter),
    recipe: recipe(),
    architecture: ARCHITECTURE,
    load: async (model) => {
      const rng = makeRng(8, 3);
      await model.randomise(
        () => Math.sqrt(3) * (2 * rng.uniform() - 1),
        () => 0.3,
      );
    },
    corpus: makeCorpus(recipe(), ARCHITECTURE.vocabulary, { tokenizer: null, dataset: null }),
    emit: (event) => events.push(event),
    control,
    keep: async (make, held) => {
      const made = make();
      const { ref, step } = made.progressed.snapshot;
      kept.push({
        bytes: encodeState(made),
        events: events.length,
        at: `${ref?.stage} ${ref?.arm} ${ref?.iteration ?? ''} ${step}${held ? ' held' : ''}`,
      });
    },
    ...(from ? { from } : {}),
  });
  outcome.gpu.destroy();
  return { outcome, events, kept };
}

const weightsOf = ({ arms }: RunOutcome) => [...arms].map(([arm, tensors]) => [arm, tensors.map((t) => [t.name, [...t.data]])]);
/** The log without times, progress and what is said about the interruption. */
const logOf = (events: readonly RunEvent[]): unknown[] =>
  events
    .filter((e) => e.type !== 'progress' && e.type !== 'notice' && e.type !== 'end' && e.type !== 'start')
    .map((e) =>
      JSON.parse(
        JSON.stringify(e, (key, value) => (key === 'at' || key === 'timeMs' || key === 'tok_per_s' || key.startsWith('time/') ? 0 : value)),
      ),
    );

describe('R45 a run that was interrupted', () => {
  let whole: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    whole = await run();
    expect(whole.outcome.summary.status, whole.outcome.summary.error ?? '').toBe('finished');
  });

  it.each(['null', 'e-step ra3 2 1 held', 'evaluate ra3  16', 'rlvr ra3  2 held'])(
    'at %s goes on to the same log and weights',
    async (at) => {
      const index =
        at === 'null' ? whole.kept.findIndex((k) => k.at.startsWith('undefined')) : whole.kept.findIndex((k) => k.at.startsWith(at));
      const { bytes, events: said } = whole.kept[index] ?? { bytes: null, events: 0 };
      if (!bytes) throw new Error(`No checkpoint at ${at}; there are ${whole.kept.map((k) => k.at).join(', ')}.`);
      const { outcome, events } = await run(decodeState(bytes) as Checkpoint);
      expect(outcome.summary.status, outcome.summary.error ?? '').toBe('finished');
      expect(events.some((e) => e.type === 'start')).toBe(false);
      expect(events.filter((e) => e.type === 'notice' && /goes on from its last checkpoint/.test(e.message))).toHaveLength(1);
      expect(logOf([...whole.events.slice(0, said), ...events])).toEqual(logOf(whole.events));
      expect(weightsOf(outcome)).toEqual(weightsOf(whole.outcome));
      expect(outcome.summary.results).toEqual(whole.outcome.summary.results);
    },
  );
});
