// Small Llamas with random weights on the GPU beside the float64 reference, and their gradients as the optimiser holds them.
// Promises the same weights for the same seed.
import { blocksOf } from '../../../src/formats/families.ts';
import type { GpuContext } from '../../../src/gpu/context.ts';
import type { Optimizer } from '../../../src/model/optimizer.ts';
import { Transformer, type TransformerOptions } from '../../../src/model/transformer.ts';
import type { Weights } from '../../reference/llama.ts';
import { type LlamaShape, llamaArchitecture } from '../../support/llamaArchitecture.ts';
import { download, randomFloats } from './runKernel.ts';

function randomWeights(shape: LlamaShape, seed: number): { weights: Weights; shapes: Map<string, { shape: number[] }> } {
  const weights: Weights = new Map();
  const shapes = new Map<string, { shape: number[] }>();
  blocksOf(llamaArchitecture(shape))
    .flatMap((b) => b.parts)
    .forEach((part, i) => {
      const size = part.shape.reduce((a, b) => a * b, 1);
      const isNorm = part.shape.length === 1;
      weights.set(
        part.name,
        randomFloats(size, seed + i, isNorm ? 0.3 : 0.5).map((v) => (isNorm ? Math.fround(1 + v) : v)),
      );
      shapes.set(part.name, { shape: part.shape });
    });
  return { weights, shapes };
}

/** A Llama on the GPU, and its weights (f32 values) for the reference. */
export async function makeModel(
  gpu: GpuContext,
  shape: LlamaShape,
  options: TransformerOptions = {},
  seed = 200,
): Promise<{ model: Transformer; weights: Weights }> {
  const { weights, shapes } = randomWeights(shape, seed);
  const model = await Transformer.make(gpu, llamaArchitecture(shape), options);
  await model.load({
    tensors: new Map([...shapes].map(([name, { shape }]) => [name, { shape, dtype: 'F32' }])),
    read: async (name, first, count) => {
      const values = Float32Array.from(weights.get(name)!.subarray(first, first + count));
      return { dtype: 'F32', bytes: new Uint8Array(values.buffer) };
    },
  });
  return { model, weights };
}

/** The gradients by the tensors' names in the file. */
export async function gradientsOf(gpu: GpuContext, model: Transformer, optimizer: Optimizer): Promise<Map<string, Float32Array>> {
  const out = new Map<string, Float32Array>();
  for (const block of model.blocks) {
    const [held] = await download(gpu, [optimizer.gradients.one(block.key)]);
    let at = 0;
    for (const part of block.parts) {
      const size = part.shape.reduce((n, k) => n * k, 1);
      out.set(part.name, held!.floats.slice(at, at + size));
      at += size;
    }
  }
  return out;
}
