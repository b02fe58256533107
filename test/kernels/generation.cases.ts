// Generation by whole models: cached decoding equals the full forward pass in float64, whatever prompts share the steps; sampled tokens are those of
// the reference's filters and random numbers; requests get the same text in any company; nothing is left on the GPU, nor by allocations that fail.
import { GpuError, type GpuContext } from '../../src/gpu/context.ts';
import { type Generated, type GenerationRequest, Generator } from '../../src/model/generator.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { makeRng } from '../../src/tasks/rng.ts';
import { gumbelMax } from '../reference/gumbel.ts';
import { llamaForward, type Weights } from '../reference/llama.ts';
import { PLAIN, penalised, type SamplerSettings, samplerDistribution } from '../reference/sampler.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { type LlamaShape, llamaArchitecture } from '../support/llamaArchitecture.ts';
import { check, expectSame, expectWithin } from './support/compare.ts';
import { randomIds } from './support/runKernel.ts';

const SHAPE: LlamaShape = {
  hidden: 24,
  intermediate: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  vocabulary: 61,
  maxPositions: 128,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieEmbeddings: false,
};

async function randomModel(gpu: GpuContext, shape: LlamaShape): Promise<Transformer> {
  const model = await Transformer.make(gpu, llamaArchitecture(shape));
  const rng = makeRng(77, 0);
  await model.randomise(
    () => Math.sqrt(3) * (2 * rng.uniform() - 1),
    () => 0.35,
  );
  return model;
}

const promptOf = (length: number, V: number, seed: number): number[] => [...randomIds(length, V, seed)];

async function generateWith(model: Transformer, requests: readonly GenerationRequest[], slots: number, capacity = 128) {
  const generator = await Generator.make(model, { slots, capacity });
  try {
    return await generator.generateAll(requests);
  } finally {
    generator.destroy();
  }
}

/** Every generated token against the float64 forward pass of the whole sequence and the reference's sampler. */
function expectReference(what: string, shape: LlamaShape, weights: Weights, request: GenerationRequest, result: Generated): void {
  const V = shape.vocabulary;
  const ids = [...request.promptIds, ...result.ids];
  const { logits } = llamaForward(shape, weights, { ids, B: 1, T: ids.length });
  const settings: SamplerSettings = {
    temperature: request.temperature ?? 0,
    topK: request.topK ?? PLAIN.topK,
    topP: request.topP ?? PLAIN.topP,
    minP: request.minP ?? PLAIN.minP,
    repetitionPenalty: request.repetitionPenalty ?? PLAIN.repetitionPenalty,
  };
  let close = 0;
  const logprobs: number[] = [];
  const entropies: number[] = [];
  result.ids.forEach((id, i) => {
    const position = request.promptIds.length - 1 + i;
    const row = logits.subarray(position * V, (position + 1) * V);
    const seen = new Set(ids.slice(0, position + 1));
    const scores = penalised(row, settings.repetitionPenalty, seen);
    const sorted = Float64Array.from(scores).sort();
    const p = samplerDistribution(row, settings, seen);
    const want =
      settings.temperature === 0
        ? { id: p.indexOf(1), margin: sorted.at(-1)! - sorted.at(-2)! }
        : gumbelMax({ seed: request.seed ?? 0, stream: request.stream ?? 0, step: position, row: 0 }, 0, V, (v) =>
            p[v]! > 0 ? scores[v]! / settings.temperature : Number.NEGATIVE_INFINITY,
          );
    if (want.margin < 1e-3) close += 1;
    else check(id === want.id, `${what}: token ${i} is ${id}, expected ${want.id} (margin ${want.margin}).`);
    const top = sorted.at(-1)!;
    const log = row.map((x) => x - top);
    const logSum = Math.log(log.reduce((sum, x) => sum + Math.exp(x), 0));
    logprobs.push(log[id]! - logSum);
    entropies.push(-log.reduce((sum, x) => sum + Math.exp(x - logSum) * (x - logSum), 0));
  });
  check(close <= 1 + result.ids.length / 10, `${what}: ${close} tokens are too close to call. Choose another seed.`);
  expectWithin(`${what}, logprobs`, result.logprobs, logprobs, 1e-4);
  expectWithin(`${what}, entropies`, result.entropies, entropies, 1e-4);
}

const weightsOf = async (model: Transformer): Promise<Weights> =>
  new Map((await model.readAll()).map(({ name, data }) => [name, Float64Array.from(data)]));

/** Ragged prompts, more than there are slots, one longer than a prefill step; every kind of filter. */
const REQUESTS: GenerationRequest[] = [
  { promptIds: promptOf(1, 61, 1), maxTokens: 12 },
  { promptIds: promptOf(5, 61, 2), maxTokens: 20, temperature: 1 },
  { promptIds: promptOf(71, 61, 3), maxTokens: 9, temperature: 0.8, topK: 7 },
  { promptIds: promptOf(2, 61, 4), maxTokens: 25, temperature: 1.2, topP: 0.7, seed: 9 },
  { promptIds: promptOf(17, 61, 5), maxTokens: 3, repetitionPenalty: 1.6 },
  { promptIds: promptOf(33, 61, 6), maxTokens: 30, temperature: 1, minP: 0.1, repetitionPenalty: 1.3, stream: 3 },
  { promptIds: promptOf(3, 61, 7), maxTokens: 14, temperature: 1.4, topK: 20, topP: 0.9, seed: 5, stream: 8 },
];

export const cases: KernelCase[] = [
  {
    name: 'R44: cached decoding of ragged prompts equals the full forward pass and the reference sampler',
    async run(gpu) {
      for (const shape of [SHAPE, { ...SHAPE, heads: 3, kvHeads: 1, headDim: 12, tieEmbeddings: true }]) {
        const model = await randomModel(gpu, shape);
        try {
          const weights = await weightsOf(model);
          const results = await generateWith(model, REQUESTS, 3);
          REQUESTS.forEach((request, i) => {
            check(results[i]!.ids.length === request.maxTokens, `Request ${i} has ${results[i]!.ids.length} tokens.`);
            expectReference(`request ${i}`, shape, weights, request, results[i]!);
          });
        } finally {
          model.destroy();
        }
      }
    },
  },
  {
    name: 'a request gets the same tokens in any slot, batch and company',
    async run(gpu) {
      const model = await randomModel(gpu, SHAPE);
      try {
        const alone = await generateWith(model, REQUESTS, 1);
        for (const slots of [2, 7]) {
          const turned = [...REQUESTS.slice(slots), ...REQUESTS.slice(0, slots)];
          const together = await generateWith(model, turned, slots);
          turned.forEach((request, i) => {
            const own = alone[REQUESTS.indexOf(request)]!;
            expectSame(`tokens with ${slots} slots`, together[i]!.ids, own.ids);
            expectWithin(`logprobs with ${slots} slots`, together[i]!.logprobs, own.logprobs, 1e-5);
          });
        }
      } finally {
        model.destroy();
      }
    },
  },
  {
    name: 'logits of a large vocabulary are taken in chunks of rows',
    async run(gpu) {
      const V = 140_003;
      const shape = { ...SHAPE, hidden: 8, intermediate: 8, layers: 1, heads: 1, kvHeads: 1, vocabulary: V, tieEmbeddings: true };
      const model = await randomModel(gpu, shape);
      try {
        const requests = Array.from({ length: 40 }, (_, i) => ({
          promptIds: promptOf(2, V, i),
          maxTokens: i > 36 ? 2 : 1,
          temperature: 1,
          stream: i,
        }));
        const results = await generateWith(model, requests, 40, 8);
        const last = requests.slice(-3);
        const alone = await generateWith(model, last, 1, 8);
        alone.forEach((own, i) => {
          expectSame(`request ${37 + i}`, results[37 + i]!.ids, own.ids);
        });
      } finally {
        model.destroy();
      }
    },
  },
  {
    name: 'a generator leaves nothing behind, and refuses what it cannot hold',
    async run(gpu) {
      const model = await randomModel(gpu, SHAPE);
      try {
        await generateWith(model, REQUESTS.slice(0, 2), 2); // pipelines and what they share are there now
        const before = gpu.bytesInUse();
        for (let i = 0; i < 3; i++) await generateWith(model, REQUESTS, 3);
        check(gpu.bytesInUse() === before, `${gpu.bytesInUse() - before} bytes are left.`);
        const refusal = async (slots: number, capacity: number): Promise<string> =>
          Generator.make(model, { slots, capacity }).then(
            () => 'nothing',
            (e: Error) => `${e.name}: ${e.message}`,
          );
        check(
          /ModelError.*capacity of 129 tokens exceeds the model's context of 128/.test(await refusal(1, 129)),
          'A long context was taken.',
        );
        check(/ModelError.*this adapter binds at most \d+\. Use \d+ slots/.test(await refusal(10_000_000, 128)), 'A huge cache was taken.');
        check(/ModelError.*0 slots/.test(await refusal(0, 128)), 'No slots were taken.');
        check(gpu.bytesInUse() === before, `${gpu.bytesInUse() - before} bytes are left by refusals.`);
      } finally {
        model.destroy();
      }
    },
  },
  {
    name: 'R38: a generator whose allocation fails, whichever, leaves nothing behind',
    async run(gpu) {
      const model = await randomModel(gpu, SHAPE);
      try {
        const requests = [REQUESTS[0]!, REQUESTS[2]!];
        await generateWith(model, requests, 2);
        const before = gpu.bytesInUse();
        let failed = true;
        for (let n = 0; failed && n < 200; n++) {
          let calls = 0;
          const failing: GpuContext = {
            ...gpu,
            createBuffer(label, size, usage) {
              if (calls++ === n) throw new GpuError('memory', `No room for ${label}.`);
              return gpu.createBuffer(label, size, usage);
            },
          };
          const poor = Object.create(model, { gpu: { value: failing } }) as Transformer;
          failed = await generateWith(poor, requests, 2).then(
            () => false,
            (e: unknown) => {
              check(e instanceof GpuError && e.kind === 'memory', `Allocation ${n}: ${e}`);
              return true;
            },
          );
          check(gpu.bytesInUse() === before, `Allocation ${n} of ${calls}: ${gpu.bytesInUse() - before} bytes are left.`);
          check(failed || calls <= n, `Allocation ${n} failed and nobody was told.`);
        }
        check(!failed, 'Allocations never end.');
      } finally {
        model.destroy();
      }
    },
  },
];
