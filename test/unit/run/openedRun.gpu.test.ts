// An earlier run, opened from its bundle in another session: its arms are measured, compared and written out as they were where they were trained, and
// what the bundle does not hold is asked for.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { readBundleModels } from '../../../src/formats/bundleModels.ts';
import { collect } from '../../../src/formats/outputFile.ts';
import { type GpuContext, openGpu } from '../../../src/gpu/context.ts';
import { openNodeGpu } from '../../../src/headless/adapter.ts';
import { presetRecipe } from '../../../src/run/presets.ts';
import type { Arm, Recipe } from '../../../src/run/recipe.ts';
import { type EmbeddedFiles, Session } from '../../../src/run/session.ts';
import { writeBundle } from '../../../src/share/bundle.ts';
import { readLog } from '../../../src/share/logReader.ts';

const BASE = 'public/default/recall-lines';
const embedded = async (): Promise<EmbeddedFiles> => ({
  config: readFileSync(`${BASE}/config.json`, 'utf8'),
  weights: readFileSync(`${BASE}/model.safetensors`),
});

let gpu: GpuContext;
let bundle: Uint8Array;
let ran: Session;
const open = async (): Promise<GpuContext> => gpu;

beforeAll(async () => {
  gpu = await openGpu((await openNodeGpu()).adapter);
  const recipe = presetRecipe('recall-lines', 'quick');
  recipe.arms = ['base', 'ntp'];
  recipe.ntp = { ...recipe.ntp, steps: 2, batch: 4 };
  recipe.rlvr = { ...recipe.rlvr, steps: 0 };
  recipe.evaluate = { prompts: 2, samples: 2, ranges: ['in'] };
  ran = new Session(gpu, open);
  await ran.run(recipe, embedded, () => undefined);
  bundle = writeBundle(await ran.bundleFiles());
});
afterAll(() => gpu?.destroy());

async function opened(change: (recipe: Recipe) => void = () => undefined): Promise<Session> {
  const source = fromBytes('run.zip', bundle);
  const arms = (await readBundleModels(source, () => true)) as Map<Arm, never>;
  const { recipe, events } = readLog(String((await ran.bundleFiles())['log.jsonl']));
  const changed = structuredClone(recipe);
  change(changed);
  const session = new Session(gpu, open);
  await session.open({ recipe: changed, events, arms }, embedded);
  return session;
}

describe('a run opened from its bundle', () => {
  it('gives the same arms, the same difference to the base and the same ablation', async () => {
    const session = await opened();
    for (const file of session.exportModel('ntp'))
      expect(await collect(file), file.name).toEqual(await collect(ran.exportModel('ntp').find(({ name }) => name === file.name)!));
    const [[now, before], [ranNow, ranBefore]] = [await session.comparison('ntp'), await ran.comparison('ntp')];
    for (const [name, { shape }] of ranNow.tensors) {
      const count = shape.reduce((n, d) => n * d, 1);
      expect(await now.read(name, 0, count)).toEqual(await ranNow.read(name, 0, count));
      expect(await before.read(name, 0, count)).toEqual(await ranBefore.read(name, 0, count));
    }
    expect(await session.ablate('ntp', null, () => undefined)).toEqual(await ran.ablate('ntp', null, () => undefined));
    expect(() => session.trained('ra3')).toThrow(/no trained ra3 model/);
  });

  it('asks for the model and the data that the bundle does not hold', async () => {
    const dropped = await opened((recipe) => {
      recipe.model = 'dropped';
      recipe.rlvr.steps = 1;
    });
    await expect(dropped.comparison('ntp')).rejects.toThrow(/Drop that model too/);
    dropped.give({ model: dropped.trained('ntp') });
    await expect(dropped.comparison('ntp')).rejects.toThrow(/another model than the dropped one/);
    const code = await opened((recipe) => {
      recipe.task = { kind: 'text', field: 'text', maxTokens: 32, heldOut: 0.1, maxRows: 10 };
    });
    await expect(code.ablate('ntp', null, () => undefined)).rejects.toThrow(/Drop that dataset too/);
  });
});
