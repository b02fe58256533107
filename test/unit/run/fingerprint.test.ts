// Names of models and data by their content, and that a run goes on with nothing else than it began with.
import { describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { heldWeights } from '../../../src/formats/heldWeights.ts';
import type { RunEvent } from '../../../src/run/events.ts';
import { checkSameInputs, filePrint, modelPrint } from '../../../src/run/fingerprint.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

const weights = (...values: number[]) => heldWeights([{ name: 'w', shape: [values.length], data: Float32Array.from(values) }]);

describe('fingerprints', () => {
  it('are of the content, not of the name', async () => {
    const [one, other] = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 4)];
    expect(await filePrint(fromBytes('b', one))).toBe(await filePrint(fromBytes('a', one)));
    expect(await filePrint(fromBytes('a', other))).not.toBe(await filePrint(fromBytes('a', one)));
    expect(await modelPrint(weights(1, 2))).toBe(await modelPrint(weights(1, 2)));
    expect(await modelPrint(weights(1, 3))).not.toBe(await modelPrint(weights(1, 2)));
  });

  it('keep a run from going on with another model or another dataset', () => {
    const started = (inputs?: { model: string; data: string }) => [{ type: 'start', inputs } as RunEvent];
    const dropped = { ...LINK_BASE_V1, model: 'dropped' as const };
    const began = { model: 'aa', data: 'bb' };
    expect(() => checkSameInputs(dropped, started(began), began)).not.toThrow();
    expect(() => checkSameInputs(dropped, started(), began)).not.toThrow();
    expect(() => checkSameInputs(dropped, started(began), { model: 'cc', data: 'bb' })).toThrow(
      'The run was started with another model: its fingerprint is aa, and that of the one given now cc. Drop the model of this run, then press Resume.',
    );
    expect(() => checkSameInputs(dropped, started(began), { model: 'aa', data: '' })).toThrow(/another dataset: .* is bb, .* missing/);
    expect(() => checkSameInputs(LINK_BASE_V1, started(began), { model: 'cc', data: 'bb' })).toThrow(
      /of this version cc\. Run its recipe again/,
    );
  });
});
