// The tensors of a model one after the other, with their sizes and statistics, and how far each moved from another model's of the same name. Read in
// slices of the file: memory is a few slices, whatever the file's size. Refuses nothing: a tensor that cannot be read says why in its place.
import type { WeightSource } from './architecture.ts';
import { FormatError } from './formatError.ts';
import { BLOCK_TYPES } from './ggufBlocks.ts';
import type { InspectedTensor } from './inspected.ts';
import { toFloat32 } from './safetensors.ts';
import { DTYPE_BYTES, type Dtype } from './safetensorsHeader.ts';
import { type Slices, tensorChange, tensorStatistics } from './tensorStatistics.ts';

/** Values that are read and looked at at once. */
const SLICE = 1 << 18;

/** In the order of the file. */
export async function* inspectWeights(weights: WeightSource, before: WeightSource | null = null): AsyncGenerator<InspectedTensor> {
  for (const [name, { shape, dtype }] of weights.tensors) {
    const elements = shape.reduce((product, size) => product * size, 1);
    const tensor: InspectedTensor = {
      name,
      shape: [...shape],
      dtype,
      sizeBytes: bytesOf(dtype, elements),
      statistics: null,
      problem: null,
      change: null,
    };
    try {
      tensor.statistics = await tensorStatistics(() => slicesOf(weights, name, elements));
      const old = before?.tensors.get(name);
      if (before && old && old.shape.join() === shape.join()) tensor.change = await tensorChange(pairsOf(weights, before, name, elements));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      tensor.problem = error.message;
    }
    yield tensor;
  }
}

function bytesOf(dtype: string, elements: number): number | null {
  if (Object.hasOwn(DTYPE_BYTES, dtype)) return elements * DTYPE_BYTES[dtype as Dtype];
  if (!Object.hasOwn(BLOCK_TYPES, dtype)) return null;
  const block = BLOCK_TYPES[dtype as keyof typeof BLOCK_TYPES];
  return (elements / block.elements) * block.bytes;
}

async function* slicesOf(weights: WeightSource, name: string, elements: number): ReturnType<Slices> & AsyncGenerator<Float32Array> {
  for (let first = 0; first < elements; first += SLICE) {
    const { dtype, bytes } = await weights.read(name, first, Math.min(SLICE, elements - first));
    yield toFloat32(bytes, dtype);
  }
}

async function* pairsOf(
  now: WeightSource,
  before: WeightSource,
  name: string,
  elements: number,
): AsyncGenerator<[Float32Array, Float32Array]> {
  const old = slicesOf(before, name, elements);
  for await (const slice of slicesOf(now, name, elements)) {
    const next = await old.next();
    if (next.done) return;
    yield [slice, next.value];
  }
}
