// Weights that are in memory, read like those of a file. Refuses tensors that it does not hold.
import type { WeightSource } from './architecture.ts';
import { FormatError, quote } from './formatError.ts';
import type { NamedTensor } from './safetensors.ts';

export function heldWeights(tensors: readonly NamedTensor[]): WeightSource {
  const held = new Map(tensors.map((t) => [t.name, t.data]));
  return {
    tensors: new Map(tensors.map(({ name, shape }) => [name, { shape, dtype: 'F32' }])),
    async read(name, first, count) {
      const data = held.get(name);
      if (!data) throw new FormatError(`The model has no tensor ${quote(name)}.`);
      return { dtype: 'F32', bytes: new Uint8Array(data.slice(first, first + count).buffer as ArrayBuffer) };
    },
  };
}
