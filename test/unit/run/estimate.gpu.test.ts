// The memory that a recipe is said to need, against what its run then takes.
import { expect, it } from 'vitest';
import { openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import { estimateRun } from '../../../src/run/estimate.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import { TINY } from '../../faults/tinyModel.ts';
import { tinyRun } from '../../faults/tinyRun.ts';
import { llamaArchitecture } from '../../support/llamaArchitecture.ts';

it('the estimate of a run is what the run then takes, to a tenth', async () => {
  const gpu = await openGpu((await openNodeGpu()).adapter);
  const { events } = await tinyRun(gpu);
  const start = events.find((event) => event.type === 'start');
  const end = events.find((event) => event.type === 'end');
  if (!start || !end) throw new Error('the run said neither start nor end');
  const architecture = llamaArchitecture({ ...TINY, vocabulary: builtinTask('recall-lines').tokens.length });
  const corpus = makeCorpus(start.recipe, architecture.vocabulary, { tokenizer: null, dataset: null });
  const held = gpu.bytesInUse();
  const estimate = await estimateRun(gpu, start.recipe, architecture, corpus);
  expect(gpu.bytesInUse()).toBe(held);
  expect(estimate.peakBytes / end.summary.peakBytes!).toBeGreaterThan(0.9);
  expect(estimate.peakBytes / end.summary.peakBytes!).toBeLessThan(1.1);
  expect(estimate.stages.map(({ ref, steps }) => ({ ref, steps }))).toEqual(start.stages);
  gpu.destroy();
});
