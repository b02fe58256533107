// The inspector: tensors searched, sorted and summed; a later choice ends an earlier one.
import { describe, expect, it } from 'vitest';
import { createInspector, type InspectedTensor, shownTensors, totalsOf } from '../../../src/app/inspection.ts';
import { createLab } from '../../../src/app/lab.ts';
import type { LabApi } from '../../../src/worker/protocol.ts';

const tensor = (name: string, shape: number[], std: number, more: Partial<InspectedTensor> = {}): InspectedTensor => ({
  name,
  shape,
  dtype: 'F32',
  sizeBytes: 4 * shape.reduce((a, b) => a * b, 1),
  statistics: { elements: 1, min: -std, max: std, mean: 0, std, norm: 1, zeros: std / 10, nans: 0, infinities: 0, histogram: null },
  problem: null,
  change: null,
  ...more,
});
const change = (norm: number, normBefore: number) => ({ norm, normBefore, largest: norm, largestAt: 0, skipped: 0 });
const tensors = [
  tensor('layers.10.mlp.up', [4, 4], 1, { change: change(3, 4) }),
  tensor('layers.2.mlp.up', [2, 2], 3, { change: change(0, 3) }),
  tensor('layers.2.attn.q', [8], 2),
  tensor('mask', [3], 0, { dtype: 'BOOL', sizeBytes: 3, statistics: null, problem: 'BOOL' }),
];
const names = (search: string, sort: Parameters<typeof shownTensors>[0]['sort']) =>
  shownTensors({ tensors, search, sort }).map(({ name }) => name);

describe('tensors', () => {
  it('are found by all words, in any case, and keep the order of the file', () => {
    expect(names('MLP 2', 'file')).toEqual(['layers.2.mlp.up']);
    expect(names('', 'file')).toEqual(tensors.map(({ name }) => name));
    expect(names('nothing', 'file')).toEqual([]);
  });

  it('are sorted by name as people count, and by numbers from the largest, those without at the end', () => {
    expect(names('layers', 'name')).toEqual(['layers.2.attn.q', 'layers.2.mlp.up', 'layers.10.mlp.up']);
    expect(names('', 'elements')[0]).toBe('layers.10.mlp.up');
    expect(names('', 'std')).toEqual(['layers.2.mlp.up', 'layers.2.attn.q', 'layers.10.mlp.up', 'mask']);
    expect(names('', 'largest')[3]).toBe('mask');
    expect(names('', 'change').slice(0, 2)).toEqual(['layers.10.mlp.up', 'layers.2.mlp.up']);
  });

  it('add up to the model, and their changes to one', () => {
    expect(totalsOf(tensors)).toEqual({
      tensors: 4,
      parameters: 16 + 4 + 8 + 3,
      sizeBytes: 64 + 16 + 32 + 3,
      broken: 0,
      relativeChange: 3 / 5,
    });
    expect(totalsOf(tensors.slice(2)).relativeChange).toBeNull();
  });
});

describe('the inspector', () => {
  it('shows only the latest choice, and says why a model cannot be read', async () => {
    const tell: ((more: InspectedTensor[]) => void)[] = [];
    const answers: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const api = {
      inspect: (_: unknown, onTensors: (more: InspectedTensor[]) => void) => {
        tell.push(onTensors);
        return new Promise<void>((resolve, reject) => answers.push({ resolve, reject }));
      },
    } as unknown as LabApi;
    const { store, inspect } = createInspector(
      createLab(() => ({ api, terminate: () => undefined, onDeath: () => undefined, onSilence: () => undefined })),
    );
    const first = inspect({ of: 'dropped' });
    tell[0]!([tensors[0]!]);
    const second = inspect({ of: 'embedded', task: 'recall-lines' });
    expect(store.getState()).toMatchObject({ reading: true, tensors: [] });
    tell[0]!([tensors[1]!]);
    tell[1]!([tensors[2]!]);
    answers[0]!.resolve();
    await first;
    expect(store.getState()).toMatchObject({ reading: true, tensors: [tensors[2]] });
    answers[1]!.reject(new Error('gone'));
    await second;
    expect(store.getState()).toMatchObject({ reading: false, error: 'gone' });
  });
});
