// How a step may be taken without changing what it computes: checkpoints, packed documents, micro-batches, tables in pieces, adapters, weights in
// f16, a moving average; and that the memory estimate is what is then allocated.
import type { Architecture } from '../../src/formats/architecture.ts';
import { blocksOf } from '../../src/formats/families.ts';
import { heldWeights } from '../../src/formats/heldWeights.ts';
import type { NamedTensor } from '../../src/formats/safetensors.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows, makeScorePlan, makeTrainPlan, type TrainOptions } from '../../src/model/batch.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { mergeAdapter } from '../../src/model/tensorParts.ts';
import { Transformer, type TransformerOptions } from '../../src/model/transformer.ts';
import { estimateMemory, FineTune, type FineTuneSettings } from '../../src/run/fineTune.ts';
import { matmulNT, matmulTN } from '../reference/linear.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { llamaArchitecture } from '../support/llamaArchitecture.ts';
import { check, expectClose, expectSame } from './support/compare.ts';
import { download, randomFloats, randomIds } from './support/runKernel.ts';

const ARCHITECTURE = llamaArchitecture({
  hidden: 16,
  intermediate: 24,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  vocabulary: 300,
  maxPositions: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 1e4,
  tieEmbeddings: false,
});

function randomTensors(a: Architecture, seed = 1): NamedTensor[] {
  return blocksOf(a)
    .flatMap((b) => b.parts)
    .map(({ name, shape }, i) => {
      const values = randomFloats(
        shape.reduce((n, k) => n * k, 1),
        seed * 100 + i,
        shape.length === 1 ? 0.3 : 0.5,
      );
      return { name, shape, data: Float32Array.from(values, (v) => (shape.length === 1 ? 1 + v : v)) };
    });
}

async function makeModel(gpu: GpuContext, options: TransformerOptions = {}, tensors = randomTensors(ARCHITECTURE)): Promise<Transformer> {
  const model = await Transformer.make(gpu, ARCHITECTURE, options);
  await model.load(heldWeights(tensors));
  return model;
}

const lengths = [9, 12, 5, 12, 7, 2];
const DOCUMENTS = lengths.map((n, i) => randomIds(n, ARCHITECTURE.vocabulary, 50 + i));
const TOKENS = lengths.reduce((n, k) => n + k - 1, 0);

function padded(documents: readonly Uint32Array[], T = 12): BatchRows {
  const rows = new BatchRows(documents.length, T);
  documents.forEach((ids, b) => {
    rows.setSequence(b, ids);
    for (let i = 0; i + 1 < ids.length; i++) rows.setRow(b, i, ids[i + 1] as number, 1 / TOKENS);
  });
  return rows;
}

interface Gradients {
  byKey: Map<string, Float32Array>;
  loss: number;
  gradNorm: number;
}

/** Gradients of a step over the batches, by block (pieces joined). */
async function gradientsOf(
  model: Transformer,
  batches: readonly BatchRows[],
  options: TrainOptions & { packed?: boolean } = {},
): Promise<Gradients> {
  const optimizer = await Optimizer.make(model);
  const { B, T } = batches[0] as BatchRows;
  const { packed = false, ...rest } = options;
  const plan = await makeTrainPlan(model, optimizer, { B, T, W: 0, pinned: false, packed }, { ...rest, accumulate: batches.length > 1 });
  optimizer.begin(batches.length > 1);
  for (const rows of batches) {
    plan.write(rows);
    optimizer.add(plan);
  }
  optimizer.update({ ...ADAMW_DEFAULTS, lr: 0 });
  const [report] = await optimizer.reports();
  const byKey = new Map<string, Float32Array>();
  for (const key of optimizer.gradients.keys()) {
    const pieces = await download(
      model.gpu,
      optimizer.gradients.piecesOf(key).map((p) => p.tensor),
    );
    byKey.set(key, Float32Array.from(pieces.flatMap((p) => [...p.floats])));
  }
  plan.destroy();
  optimizer.destroy();
  return { byKey, loss: report!.loss, gradNorm: report!.gradNorm };
}

function expectEqualGradients(what: string, actual: Gradients, expected: Gradients, tolerance?: number): void {
  for (const [key, gradient] of expected.byKey) {
    if (tolerance === undefined) expectSame(`${what}, d(${key})`, actual.byKey.get(key)!, gradient);
    else expectClose(`${what}, d(${key})`, actual.byKey.get(key)!, gradient, tolerance);
  }
  expectClose(`${what}, loss`, [actual.loss], [expected.loss], 1e-11);
}

async function logprobsOf(model: Transformer): Promise<Float32Array> {
  const plan = await makeScorePlan(model, { B: DOCUMENTS.length, T: 12, W: 0, pinned: false });
  plan.write(padded(DOCUMENTS));
  plan.plan.run();
  const { logprob } = await plan.readRows();
  plan.destroy();
  return logprob;
}

/** The device with bindings and buffers of `bytes` at most. */
function limited(gpu: GpuContext, bytes: number): GpuContext {
  const limits = new Proxy(gpu.device.limits, {
    get: (target, key) => (key === 'maxStorageBufferBindingSize' || key === 'maxBufferSize' ? bytes : Reflect.get(target, key, target)),
  });
  const device = new Proxy(gpu.device, {
    get(target, key) {
      if (key === 'limits') return limits;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...gpu, device };
}

const SETTINGS: FineTuneSettings = {
  steps: 3,
  batch: 4,
  microBatch: 2,
  T: 12,
  pack: true,
  adamw: { ...ADAMW_DEFAULTS, lr: 1e-2 },
  schedule: { kind: 'constant', warmupSteps: 0, minRatio: 0 },
  lora: null,
  storage: 'f32',
  checkpoint: true,
  moments: 'f32',
  ema: 0.9,
  seed: 1,
};

export const cases: KernelCase[] = [
  {
    name: 'checkpointed blocks give the same bits',
    async run(gpu) {
      const model = await makeModel(gpu);
      const kept = await gradientsOf(model, [padded(DOCUMENTS)]);
      expectEqualGradients('checkpointed', await gradientsOf(model, [padded(DOCUMENTS)], { checkpoint: true }), kept);
      model.destroy();
    },
  },
  {
    name: 'micro-batches add up to the batch',
    async run(gpu) {
      const model = await makeModel(gpu);
      const whole = await gradientsOf(model, [padded(DOCUMENTS)]);
      const pairs = [0, 2, 4].map((first) => padded(DOCUMENTS.slice(first, first + 2)));
      expectEqualGradients('3 x 2', await gradientsOf(model, pairs), whole, 1e-10);
      expectEqualGradients(
        '6 x 1',
        await gradientsOf(
          model,
          DOCUMENTS.map((d) => padded([d])),
        ),
        whole,
        1e-10,
      );
      model.destroy();
    },
  },
  {
    name: 'packed documents see themselves alone',
    async run(gpu) {
      const model = await makeModel(gpu);
      const whole = await gradientsOf(model, [padded(DOCUMENTS)]);
      const rows = new BatchRows(2, 26);
      [DOCUMENTS.slice(0, 3), DOCUMENTS.slice(3)].forEach((documents, b) => {
        rows.setDocuments(b, documents).forEach((begin, d) => {
          const ids = documents[d]!;
          for (let i = 0; i + 1 < ids.length; i++) rows.setRow(b, begin + i, ids[i + 1] as number, 1 / TOKENS);
        });
      });
      expectEqualGradients('packed', await gradientsOf(model, [rows], { packed: true }), whole, 1e-10);
      model.destroy();
    },
  },
  {
    name: 'tables, parameters and activations beyond the binding limit are cut, with the same result',
    async run(gpu) {
      const whole = await makeModel(gpu);
      const expected = await gradientsOf(whole, [padded(DOCUMENTS)]);
      whole.destroy();
      // 16 KiB: the embedding of 300 x 16 needs two pieces, the activations several buffers
      const small = limited(gpu, 16_384);
      const model = await makeModel(small);
      check(model.embedding.pieces.length === 2, `${model.embedding.pieces.length} pieces of the embedding, 2 expected.`);
      expectEqualGradients('in pieces', await gradientsOf(model, [padded(DOCUMENTS)], { checkpoint: true }), expected, 1e-10);
      const back = await model.readAll();
      for (const [i, tensor] of randomTensors(ARCHITECTURE).entries()) expectSame(tensor.name, back[i]!.data, tensor.data);
      model.destroy();
    },
  },
  {
    name: 'adapters: fresh ones change nothing; others are the merged model, and their gradients follow from its own',
    async run(gpu) {
      const plain = await makeModel(gpu);
      const before = await logprobsOf(plain);
      plain.destroy();
      const lora = { rank: 3, alpha: 6, targets: ['q_proj', 'v_proj', 'down_proj'], dropout: 0 };
      const model = await makeModel(gpu, { lora });
      model.adapters!.randomise(() => 0.7);
      expectSame('fresh adapters', await logprobsOf(model), before);

      const layers = new Map(
        model.adapters!.parts.map((part, i) => [
          part.name,
          {
            a: Float32Array.from(randomFloats(3 * part.columns, 700 + i, 0.4)),
            b: Float32Array.from(randomFloats(part.rows * 3, 800 + i, 0.4)),
          },
        ]),
      );
      await model.loadAdapter(layers);
      for (const [name, { a, b }] of await model.readAdapter()) {
        expectSame(`${name}, A`, a, layers.get(name)!.a);
        expectSame(`${name}, B`, b, layers.get(name)!.b);
      }
      const tensors = randomTensors(ARCHITECTURE);
      for (const t of tensors) {
        const pair = layers.get(t.name);
        if (pair) mergeAdapter(t.data, pair.a, pair.b, 3, 2);
      }
      const merged = await makeModel(gpu, {}, tensors);
      expectClose('log-probabilities', await logprobsOf(model), await logprobsOf(merged), 1e-11);
      const exported = heldWeights(
        await Promise.all(model.tensors({ merge: true }).map(async ({ name, shape, read }) => ({ name, shape, data: await read() }))),
      );
      for (const t of tensors) {
        const { bytes } = await exported.read(t.name, 0, t.data.length);
        expectSame(`merged ${t.name}`, new Float32Array(bytes.buffer), t.data);
      }

      const dW = await gradientsOf(merged, [padded(DOCUMENTS)]);
      const got = await gradientsOf(model, [padded(DOCUMENTS)], { checkpoint: true });
      for (const part of model.adapters!.parts) {
        const { rows: n, columns: k } = part;
        const own = Float64Array.from(dW.byKey.get(part.block)!.subarray(part.row * k, (part.row + n) * k));
        const [a, b] = [Float64Array.from(layers.get(part.name)!.a), Float64Array.from(layers.get(part.name)!.b)];
        expectClose(
          `dA of ${part.name}`,
          got.byKey.get(`${part.key}.A`)!,
          matmulTN(b, own, 3, k, n).map((v) => 2 * v),
          1e-9,
        );
        expectClose(
          `dB of ${part.name}`,
          got.byKey.get(`${part.key}.B`)!,
          matmulNT(own, a, n, 3, k).map((v) => 2 * v),
          1e-9,
        );
      }
      model.destroy();
      merged.destroy();
    },
  },
  {
    name: 'dropout of adapters: off in scoring, the same masks when recomputed, other masks at another step',
    async run(gpu) {
      const lora = { rank: 4, alpha: 4, targets: ['all-linear'], dropout: 0.5 };
      const model = await makeModel(gpu, { lora });
      const rng = randomFloats(10_000, 9);
      let at = 0;
      model.adapters!.randomise(() => rng[at++ % rng.length]! / 2 + 0.5);
      for (const part of model.adapters!.parts) {
        const b = Float32Array.from(randomFloats(part.rows * 4, 90, 0.3));
        await model.loadAdapter(new Map([[part.name, { a: Float32Array.from(randomFloats(4 * part.columns, 91, 0.3)), b }]]));
      }
      const kept = await gradientsOf(model, [padded(DOCUMENTS)]);
      expectEqualGradients('recomputed', await gradientsOf(model, [padded(DOCUMENTS)], { checkpoint: true }), kept);
      const optimizer = await Optimizer.make(model, { seed: 3 });
      const plan = await makeTrainPlan(model, optimizer, { B: DOCUMENTS.length, T: 12, W: 0, pinned: false });
      plan.write(padded(DOCUMENTS));
      for (let step = 0; step < 2; step++) optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 0 });
      const [first, second] = await optimizer.reports();
      check(first!.loss !== second!.loss, 'Two steps had the same masks.');
      const scored = await logprobsOf(model);
      expectSame('scores', await logprobsOf(model), scored);
      plan.destroy();
      optimizer.destroy();
      model.destroy();
    },
  },
  {
    name: 'weights in f16 are the rounded weights; mixed ones are trained in f32 and rounded after each step',
    async run(gpu) {
      const half = await makeModel(gpu, { storage: 'f16' });
      const rounded = await half.readAll();
      const scored = await logprobsOf(half);
      half.destroy();
      const same = await makeModel(gpu, {}, rounded);
      expectClose('log-probabilities', scored, await logprobsOf(same), 1e-11);
      same.destroy();
      randomTensors(ARCHITECTURE).forEach((t, i) => {
        const worst = t.data.reduce((most, v, k) => Math.max(most, Math.abs(v - rounded[i]!.data[k]!) / Math.max(1e-3, Math.abs(v))), 0);
        check(t.shape.length === 1 ? worst === 0 : worst > 0 && worst < 2 ** -10, `${t.name} is off by ${worst}.`);
      });

      const model = await makeModel(gpu, { storage: 'mixed' });
      const optimizer = await Optimizer.make(model);
      const plan = await makeTrainPlan(model, optimizer, { B: DOCUMENTS.length, T: 12, W: 0, pinned: false });
      plan.write(padded(DOCUMENTS));
      for (let step = 0; step < 3; step++) optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 1e-2 });
      const reports = await optimizer.reports();
      check(reports[2]!.loss < reports[0]!.loss, `The loss went from ${reports[0]!.loss} to ${reports[2]!.loss}.`);
      const trained = await model.readAll();
      const again = await makeModel(gpu, { storage: 'mixed' }, trained);
      expectSame('the f16 copies follow the f32 weights', await logprobsOf(again), await logprobsOf(model));
      again.destroy();
      plan.destroy();
      optimizer.destroy();
      model.destroy();
    },
  },
  {
    name: 'the moving average of the weights is the formula',
    async run(gpu) {
      const model = await makeModel(gpu);
      const optimizer = await Optimizer.make(model, { ema: 0.75 });
      const plan = await makeTrainPlan(model, optimizer, { B: DOCUMENTS.length, T: 12, W: 0, pinned: false });
      plan.write(padded(DOCUMENTS));
      const key = '1.down';
      const [start] = await download(gpu, [model.parameter(key)]);
      const average = Float64Array.from(start!.floats);
      for (let step = 0; step < 4; step++) {
        optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 1e-2 });
        const [now] = await download(gpu, [model.parameter(key)]);
        now!.floats.forEach((v, i) => {
          average[i] = 0.75 * average[i]! + 0.25 * v;
        });
      }
      const [held] = await download(gpu, [optimizer.average!.one(key)]);
      expectClose('average', held!.floats, average, 1e-12);
      plan.destroy();
      optimizer.destroy();
      model.destroy();
    },
  },
  {
    name: 'the memory estimate is what is allocated, to the byte, whatever the settings',
    async run(gpu) {
      const lora = { rank: 4, alpha: 8, targets: ['q_proj'], dropout: 0.1 };
      for (const changes of [
        {},
        { storage: 'mixed', moments: '8bit', ema: 0 },
        { lora, storage: 'f16', checkpoint: false },
        { pack: false, microBatch: 4, ema: 0 },
      ] as Partial<FineTuneSettings>[]) {
        const settings = { ...SETTINGS, ...changes };
        const estimated = await estimateMemory(gpu, ARCHITECTURE, settings);
        const before = gpu.bytesInUse();
        const model = await Transformer.make(gpu, ARCHITECTURE, settings);
        const tune = await FineTune.make(model, settings);
        check(
          gpu.bytesInUse() - before === estimated,
          `${JSON.stringify(changes)}: ${gpu.bytesInUse() - before} bytes, ${estimated} estimated.`,
        );
        tune.destroy();
        model.destroy();
        check(gpu.bytesInUse() === before, `${gpu.bytesInUse() - before} bytes are left behind.`);
      }
    },
  },
  {
    name: 'fine-tuning lowers the loss, packed and accumulated, and measuring it first leaves no trace',
    async run(gpu) {
      const run = async (measure: boolean): Promise<number[]> => {
        const model = await makeModel(gpu);
        const tune = await FineTune.make(model, SETTINGS);
        if (measure) check((await tune.measure()) > 0, 'No time was measured.');
        let at = 0;
        const losses: number[] = [];
        for (let step = 0; step < 3; step++) losses.push((await tune.step(() => [...DOCUMENTS[at++ % DOCUMENTS.length]!])).loss);
        tune.destroy();
        model.destroy();
        return losses;
      };
      const losses = await run(false);
      check(losses[2]! < losses[0]!, `The losses are ${losses}.`);
      expectSame('after measuring', await run(true), losses);
    },
  },
];
