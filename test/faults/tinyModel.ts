// A tiny Llama with random weights and a batch for it, as fault cases use them; sizes are chosen for speed on CPU adapters alone.
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows } from '../../src/model/batch.ts';
import { Transformer, type TransformerOptions } from '../../src/model/transformer.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { type LlamaShape, llamaArchitecture } from '../support/llamaArchitecture.ts';

export const TINY: LlamaShape = {
  hidden: 16,
  intermediate: 24,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  vocabulary: 40,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: false,
};

/** The same weights for the same shape. */
export async function tinyModel(gpu: GpuContext, shape: LlamaShape = TINY, options: TransformerOptions = {}): Promise<Transformer> {
  const model = await Transformer.make(gpu, llamaArchitecture(shape), options);
  const rng = makeRng(11, 0);
  const uniform = (): number => Math.sqrt(3) * (2 * rng.uniform() - 1);
  try {
    await model.randomise(uniform, () => 0.3);
    model.adapters?.randomise(() => rng.uniform());
    return model;
  } catch (e) {
    model.destroy();
    throw e;
  }
}

/** B rows of T tokens, each predicting the next. */
export function tinyBatch(B: number, T: number, vocabulary = TINY.vocabulary, seed = 1): BatchRows {
  const rng = makeRng(seed, 1);
  const rows = new BatchRows(B, T);
  for (let b = 0; b < B; b++)
    rows.setNextToken(
      b,
      Uint32Array.from({ length: T }, () => rng.int(vocabulary)),
    );
  rows.normaliseWeights();
  return rows;
}
