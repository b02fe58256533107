// What a recipe is said to take, on devices of which only the limits are real: more where more is asked for, by the part that asks, and a sentence where
// a buffer is beyond the adapter. What a run then takes is compared in estimate.gpu.test.ts.
import { describe, expect, it, vi } from 'vitest';
import type { GpuContext } from '../../../src/gpu/context.ts';
import { makeCorpus } from '../../../src/run/corpus.ts';
import { estimateRun } from '../../../src/run/estimate.ts';
import type { RunEstimate } from '../../../src/run/events.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import type { Recipe } from '../../../src/run/recipe.ts';
import { freshFolder } from '../../../src/run/freshModel.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';

vi.stubGlobal('GPUBufferUsage', {});

function deviceOf(maxBufferSize: number): GpuContext {
  const limits = {
    maxStorageBufferBindingSize: maxBufferSize,
    maxBufferSize,
    maxComputeWorkgroupsPerDimension: 65_535,
    maxStorageBuffersPerShaderStage: 8,
    minStorageBufferOffsetAlignment: 256,
  };
  return { device: { limits, features: new Set() }, software: false, features: new Set(), subgroupSize: null } as unknown as GpuContext;
}

const { architecture } = freshFolder(builtinTask('recall-lines')).config;
async function estimate(change: (recipe: Recipe) => void = () => undefined, gpu = deviceOf(2 ** 28)): Promise<RunEstimate> {
  const recipe = structuredClone(presetRecipe('recall-lines', 'quick'));
  change(recipe);
  return estimateRun(gpu, recipe, architecture, makeCorpus(recipe, architecture.vocabulary, { tokenizer: null, dataset: null }));
}

describe('an estimate', () => {
  it('is of weights, optimiser and the largest batch, and they make up its peak', async () => {
    const found = await estimate();
    expect(found.models.bytes).toBeGreaterThanOrEqual(4 * found.parameters);
    // gradients and two moments
    expect(found.optimizerBytes).toBeGreaterThanOrEqual(12 * found.parameters);
    expect(found.largest.ref).not.toBeNull();
    expect(found.peakBytes).toBeGreaterThan(found.largest.bytes + found.optimizerBytes + 2 * found.models.bytes);
    expect(found.models.count).toBe(6);
    expect(found.stages.map(({ ref }) => ref.stage)).toContain('rlvr');
  });

  it('grows with the batch of the stage that asks for most, and with arms and networks that are kept', async () => {
    const plain = await estimate();
    const wide = await estimate((r) => Object.assign(r.ra3, { programs: 4 * r.ra3.programs }));
    expect(wide.largest.ref).toMatchObject({ stage: 'e-step' });
    expect(wide.largest.bytes).toBeGreaterThan(2 * plain.largest.bytes);
    const separate = await estimate((r) => Object.assign(r.ra3, { separate: true }));
    expect(separate.peakBytes - plain.peakBytes).toBeGreaterThanOrEqual(0);
    expect(separate.models.count).toBe(plain.models.count + 1);
    const alone = await estimate((r) => Object.assign(r, { arms: ['base'], rlvr: { ...r.rlvr, steps: 0 } }));
    expect(alone.peakBytes).toBeLessThan(plain.peakBytes);
    expect(alone.stages).toHaveLength(1);
  });

  it('says which buffer is beyond the adapter, and what to do', async () => {
    await expect(estimate(undefined, deviceOf(2 ** 20))).rejects.toThrow(/need 2359296 bytes|needs \d+ bytes in one buffer/);
  });
});
