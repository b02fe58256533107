// The tracer's ops and the whole Llama: gradients by the GPU against finite differences of the float64 forward and against the reference's
// backward; the loss in chunks; training steps that leave nothing behind.
import { createState, freeState, Graph, type Tensor } from '../../src/engine/graph.ts';
import { type AttentionShape, attention } from '../../src/engine/attention.ts';
import { gated } from '../../src/engine/mlpOps.ts';
import { rmsNorm } from '../../src/engine/normOps.ts';
import { add, chunkRows, embed, linear, linearCrossEntropy, type Weight } from '../../src/engine/ops.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { BatchRows, INACTIVE, MODE, makeScorePlan, makeTrainPlan, sortIds } from '../../src/model/batch.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { attentionForward } from '../reference/attention.ts';
import { crossEntropyRows, type LossRow } from '../reference/crossEntropy.ts';
import { embeddingForward, matmulNN, matmulNT, matmulTN } from '../reference/linear.ts';
import { llamaBackward, llamaForward, type Weights } from '../reference/llama.ts';
import { swigluForward } from '../reference/mlp.ts';
import { rmsNormForward } from '../reference/norm.ts';
import { adamw, clipFactor, globalNorm } from '../reference/optimiser.ts';
import { rope } from '../reference/rope.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import type { LlamaShape } from '../support/llamaArchitecture.ts';
import { gradientsOf, makeModel } from './support/llamaModel.ts';
import { check, dot, expectClose, expectSame, finiteDifferences } from './support/compare.ts';
import { download, type HostArray, randomFloats, randomIds, upload } from './support/runKernel.ts';

type Shaped = [Float64Array, number[]];

/**
 * Traces y = op(inputs), seeds its gradient with random dy and compares y with `forward` and every input's gradient with finite differences of
 * dot(forward(), dy). Constants (ids and the like) are bound without a gradient.
 */
async function checkOp(
  gpu: GpuContext,
  what: string,
  inputs: Record<string, Shaped>,
  constants: Record<string, [HostArray, number[]]>,
  op: (graph: Graph, t: Record<string, Tensor>) => Tensor,
  forward: (x: Record<string, Float64Array>) => Float64Array,
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, [data, shape]] of Object.entries({ ...inputs, ...constants })) tensors[name] = upload(gpu, name, data, shape);
  const values = Object.fromEntries(Object.entries(inputs).map(([name, [data]]) => [name, data]));
  const y = forward(values);
  const dy = randomFloats(y.length, 91);
  const graph = new Graph(gpu, what);
  const gradients = Object.entries(inputs).map(([name, [data, shape]]) => {
    const gradient = upload(gpu, `d(${name})`, new Float64Array(data.length).fill(7), shape);
    graph.bindGradient(tensors[name]!, gradient);
    return gradient;
  });
  const out = graph.keep(op(graph, tensors));
  const seed = upload(gpu, 'dy', dy, out.shape);
  graph.bindGradient(out, seed);
  graph.gradientFor(out);
  graph.backward();
  const plan = await graph.compile();
  plan.run();
  const [result, ...got] = await download(gpu, [out, ...gradients]);
  plan.destroy();
  for (const tensor of [...Object.values(tensors), ...gradients, seed]) freeState(gpu, tensor);
  expectClose(`${what}, y`, result!.floats, y);
  Object.entries(values).forEach(([name, x], i) => {
    expectClose(
      `${what}, d(${name})`,
      got[i]!.floats,
      finiteDifferences(() => dot(forward(values), dy), x),
    );
  });
}

const RMS = { eps: 1e-5, offset: 0 } as const;
/** A table in one piece. */
const whole = (tensor: Tensor): Weight => ({ key: tensor.label, shape: tensor.shape as [number, number], pieces: [{ row: 0, tensor }] });

/** Target, mode, lo, hi of a row, and its reference. */
function lossRow(r: number, V: number, bias: number, targets: Uint32Array, weights: Float64Array, entropyWeights: Float64Array): LossRow {
  const both = { target: targets[r]!, weight: weights[r]!, entropyWeight: entropyWeights[r]! };
  if (r % 4 === 1) return { ...both, mode: 'restricted', lo: Math.max(0, both.target - 2), hi: Math.min(V, both.target + 3) };
  if (r % 4 === 2) return { ...both, mode: 'binary', taken: r % 8 === 2, bias };
  return { ...both, mode: 'full' };
}
function specOf(rows: readonly LossRow[]): Uint32Array {
  const mode = (row: LossRow): number => (row.mode === 'binary' ? (row.taken ? MODE.binaryYes : MODE.binaryNo) : MODE[row.mode]);
  return Uint32Array.from(rows.flatMap((row) => [row.target, mode(row), row.lo ?? 0, row.hi ?? 0]));
}

/** Runs linearCrossEntropy with gradients on x (R, C) and W (V, C); with `factor` the weights become factor times the log-probabilities on the way. */
async function runLoss(gpu: GpuContext, x: Float64Array, W: Float64Array, C: number, rows: readonly LossRow[], bias: number, factor = 0) {
  const [R, V] = [x.length / C, W.length / C];
  const graph = new Graph(gpu, 'loss');
  const tensors = {
    x: upload(gpu, 'x', x, [R, C]),
    weight: upload(gpu, 'W', W, [V, C]),
    dx: createState(gpu, 'dx', [R, C]),
    dW: createState(gpu, 'dW', [V, C]),
  };
  const loss = {
    spec: upload(gpu, 'spec', specOf(rows), [R, 4]),
    weight: upload(
      gpu,
      'weight',
      Float64Array.from(rows, (row) => row.weight),
    ),
    entropyWeight: upload(
      gpu,
      'entropyWeight',
      Float64Array.from(rows, (row) => row.entropyWeight ?? 0),
    ),
    logprob: createState(gpu, 'logprob', [R]),
    entropy: createState(gpu, 'entropy', [R]),
  };
  graph.bindGradient(tensors.x, tensors.dx);
  graph.bindGradient(tensors.weight, tensors.dW);
  const weigh = (): void =>
    graph.dispatch('lora/scale', [loss.logprob, loss.weight], { args: { N4: Math.ceil(R / 4), accumulate: 0, factor }, grid: 1 });
  linearCrossEntropy(graph, tensors.x, whole(tensors.weight), { ...loss, bias }, true, factor === 0 ? undefined : weigh);
  const plan = await graph.compile();
  plan.run();
  const [dx, dW, logprob, entropy] = (await download(gpu, [tensors.dx, tensors.dW, loss.logprob, loss.entropy])).map((h) => h.floats);
  const chunks = plan.dispatches.filter((d) => d.kernel === 'loss/cross_entropy').length;
  plan.destroy();
  for (const tensor of [...Object.values(tensors), ...Object.values(loss)]) freeState(gpu, tensor);
  return { dx: dx!, dW: dW!, logprob: logprob!, entropy: entropy!, chunks };
}

interface TinyLlama {
  shape: LlamaShape;
  B: number;
  T: number;
  W: number;
  pinned: boolean;
  bias: number;
}

/** Grouped queries, widths that are no multiple of 4 in one of them, a vocabulary that is none in both, tied and untied. */
const LLAMAS: Record<string, TinyLlama> = {
  'untied, windowed and pinned': {
    shape: {
      hidden: 20,
      intermediate: 28,
      layers: 2,
      heads: 4,
      kvHeads: 2,
      headDim: 8,
      vocabulary: 37,
      maxPositions: 32,
      rmsNormEps: 1e-5,
      ropeTheta: 10_000,
      tieEmbeddings: false,
    },
    B: 2,
    T: 11,
    W: 4,
    pinned: true,
    bias: 0.5,
  },
  'tied, of odd widths': {
    shape: {
      hidden: 18,
      intermediate: 23,
      layers: 2,
      heads: 3,
      kvHeads: 1,
      headDim: 12,
      vocabulary: 13,
      maxPositions: 32,
      rmsNormEps: 1e-5,
      ropeTheta: 10_000,
      tieEmbeddings: true,
    },
    B: 3,
    T: 7,
    W: 0,
    pinned: false,
    bias: 0,
  },
  'tied, of one token': {
    shape: {
      hidden: 8,
      intermediate: 12,
      layers: 1,
      heads: 1,
      kvHeads: 1,
      headDim: 8,
      vocabulary: 11,
      maxPositions: 4,
      rmsNormEps: 1e-6,
      ropeTheta: 500,
      tieEmbeddings: true,
    },
    B: 1,
    T: 1,
    W: 0,
    pinned: false,
    bias: 0,
  },
};

/** Rows of every mode, one inactive, one sequence shorter than the batch. */
function makeBatch({ shape, B, T, pinned, bias }: TinyLlama): { rows: BatchRows; loss: LossRow[] } {
  const V = shape.vocabulary;
  const rows = new BatchRows(B, T);
  const ids = randomIds(B * T, V, 301);
  const lo = randomIds(B * T, T, 302);
  const target = randomIds(B * T, V, 303);
  const weight = randomFloats(B * T, 304);
  const entropyWeight = randomFloats(B * T, 305, 0.2);
  const loss: LossRow[] = [];
  for (let b = 0; b < B; b++) {
    const N = b === 1 ? T - 2 : T;
    const own = (x: Uint32Array): Uint32Array => x.slice(b * T, b * T + N);
    const pinHi = own(lo).map((v) => Math.min(T, v + 2));
    if (pinned) rows.setSequence(b, own(ids), own(lo), pinHi);
    else rows.setSequence(b, own(ids));
    for (let i = 0; i < T; i++) {
      const r = b * T + i;
      const row = lossRow(r, V, bias, target, weight, entropyWeight);
      if (i >= N || r % 7 === 6) {
        loss.push({ target: 0, mode: 'full', weight: 0 });
        continue;
      }
      loss.push(row);
      const [, mode, from, to] = specOf([row]) as unknown as [number, number, number, number];
      rows.setRow(b, i, row.target, row.weight, mode, from, to);
      rows.entropyWeight[r] = row.entropyWeight!;
    }
  }
  return { rows, loss };
}

function referenceGradients(t: TinyLlama, weights: Weights, rows: BatchRows, loss: LossRow[]) {
  const batch = {
    ids: rows.ids,
    B: t.B,
    T: t.T,
    W: t.W,
    pinLo: rows.spans.filter((_, i) => i % 4 === 2),
    pinHi: rows.spans.filter((_, i) => i % 4 === 3),
  };
  const forward = llamaForward(t.shape, weights, batch);
  const expected = crossEntropyRows(forward.logits, t.shape.vocabulary, loss);
  return { expected, gradients: llamaBackward(t.shape, weights, batch, forward, expected.dlogits) };
}

const active = (rows: BatchRows, x: Float64Array): Float64Array => x.map((v, r) => (rows.spec[4 * r] === INACTIVE ? 0 : v));

export const cases: KernelCase[] = [
  {
    name: 'embed: gradients equal finite differences',
    async run(gpu) {
      const ids = Uint32Array.of(4, 0, 4, 2);
      const { order, segments } = sortIds(ids);
      await checkOp(
        gpu,
        'embed',
        { table: [randomFloats(15, 1), [5, 3]], onto: [randomFloats(12, 2), [4, 3]] },
        { ids: [ids, [4]], order: [order, [4]], segments: [segments, [5, 2]] },
        // the second look-up goes onto a sum, whose gradient it passes through
        (graph, t) => {
          const idOrder = { order: t.order!, segments: t.segments! };
          const first = add(graph, embed(graph, whole(t.table!), t.ids!, idOrder, 3), t.onto!);
          return embed(graph, whole(t.table!), t.ids!, idOrder, 0.5, first);
        },
        (x) => embeddingForward(x.table!, ids, 3).map((v, i) => 3.5 * v + x.onto![i]!),
      );
    },
  },
  {
    name: 'rmsNorm: gradients equal finite differences',
    async run(gpu) {
      await checkOp(
        gpu,
        'rmsNorm',
        { x: [randomFloats(18 * 6, 2, 2), [18, 6]], gamma: [randomFloats(6, 3), [6]] },
        {},
        (graph, t) => rmsNorm(graph, t.x!, t.gamma!, RMS),
        (x) => rmsNormForward(x.x!, x.gamma!, 1e-5).y,
      );
    },
  },
  {
    name: 'linear: gradients equal finite differences; a residual takes the gradient as it is',
    async run(gpu) {
      for (const [R, N, K] of [
        [3, 5, 7],
        [3, 4, 8],
      ] as const) {
        const residual = randomFloats(R * N, 6);
        let share = false;
        await checkOp(
          gpu,
          `linear ${R} ${N} ${K}`,
          { x: [randomFloats(R * K, 4), [R, K]], weight: [randomFloats(N * K, 5), [N, K]] },
          { residual: [residual, [R, N]] },
          (graph, t) => {
            // the tape runs backwards: this comes after linear's own backward
            graph.onBackward(() => {
              share = graph.gradientOf(t.residual!) === graph.gradientOf(y);
            });
            const y = linear(graph, t.x!, t.weight!, { residual: t.residual! });
            return y;
          },
          (x) => matmulNT(x.x!, x.weight!, R, N, K).map((v, i) => v + residual[i]!),
        );
        check(share, 'The residual has a gradient of its own.');
      }
    },
  },
  {
    name: 'a weight and an input that are used twice get the sum of both gradients',
    async run(gpu) {
      const [R, C] = [3, 8];
      await checkOp(
        gpu,
        'twice',
        { x: [randomFloats(R * C, 7), [R, C]], weight: [randomFloats(C * C, 8), [C, C]], gamma: [randomFloats(C, 9), [C]] },
        {},
        (graph, t) => {
          const once = linear(graph, rmsNorm(graph, t.x!, t.gamma!, RMS), t.weight!);
          return linear(graph, linear(graph, once, t.weight!, { residual: rmsNorm(graph, once, t.gamma!, RMS) }), t.weight!);
        },
        (x) => {
          const times = (v: Float64Array): Float64Array => matmulNT(v, x.weight!, R, C, C);
          const norm = (v: Float64Array): Float64Array => rmsNormForward(v, x.gamma!, 1e-5).y;
          const once = times(norm(x.x!));
          const residual = norm(once);
          return times(times(once).map((v, i) => v + residual[i]!));
        },
      );
    },
  },
  {
    name: 'attention: gradients equal finite differences, with a window, pinned ranges and grouped queries',
    async run(gpu) {
      for (const pinned of [true, false]) {
        const shape: AttentionShape = { B: 2, T: 5, H: 2, K: 1, D: 8, W: 2, scale: 1 / Math.sqrt(8) };
        const R = shape.B * shape.T;
        const width = (shape.H + 2 * shape.K) * shape.D;
        const positions = Uint32Array.from({ length: R }, (_, r) => r % shape.T);
        const pinLo = pinned ? Uint32Array.of(0, 0, 0, 0, 1, 0, 0, 1, 0, 0) : new Uint32Array(R);
        const pinHi = pinned ? Uint32Array.of(0, 0, 1, 1, 4, 5, 5, 2, 0, 3) : new Uint32Array(R);
        const spans = Uint32Array.from({ length: 4 * R }, (_, i) => [0, shape.T, pinLo[i >> 2]!, pinHi[i >> 2]!][i % 4]!);
        const table = Float64Array.from({ length: shape.T * shape.D }, (_, i) => {
          const angle = Math.floor(i / shape.D) * 100 ** ((-2 * Math.floor((i % shape.D) / 2)) / shape.D);
          return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
        });
        const turn = { heads: shape.H + 2 * shape.K, rotated: shape.H + shape.K, D: shape.D, theta: 100 };
        await checkOp(
          gpu,
          `attention, ${pinned ? 'pinned' : 'not pinned'}`,
          { qkv: [randomFloats(R * width, 10, 1.5), [R, width]] },
          { positions: [positions, [R]], ropeTable: [table, [shape.T, shape.D / 2, 2]], spans: [spans, [R, 4]] },
          (graph, t) =>
            attention(
              graph,
              t.qkv!,
              shape,
              { positions: t.positions!, spans: t.spans!, pinned, packed: false },
              { table: t.ropeTable!, rotaryDim: shape.D },
            ),
          (x) => attentionForward(rope(x.qkv!, positions, turn), { ...shape, pinLo, pinHi }).o,
        );
      }
    },
  },
  {
    name: 'gated: gradients equal finite differences',
    async run(gpu) {
      await checkOp(
        gpu,
        'gated',
        { gu: [randomFloats(3 * 10, 11, 3), [3, 10]] },
        {},
        (graph, t) => gated(graph, t.gu!, 'silu'),
        (x) => swigluForward(x.gu!, 5),
      );
    },
  },
  {
    name: 'linearCrossEntropy: gradients equal finite differences in every mode',
    async run(gpu) {
      const [R, V, C, bias] = [8, 7, 4, 0.4];
      const x = randomFloats(R * C, 12);
      const W = randomFloats(V * C, 13);
      const [targets, weights, entropyWeights] = [randomIds(R, V, 14), randomFloats(R, 15), randomFloats(R, 16, 0.5)];
      const rows = Array.from({ length: R }, (_, r) => lossRow(r, V, bias, targets, weights, entropyWeights));
      const got = await runLoss(gpu, x, W, C, rows, bias);
      const loss = (): number => crossEntropyRows(matmulNT(x, W, R, V, C), V, rows).loss;
      expectClose('dx', got.dx, finiteDifferences(loss, x));
      expectClose('dW', got.dW, finiteDifferences(loss, W));
    },
  },
  {
    name: 'linearCrossEntropy in chunks equals the loss in one piece',
    async run(gpu) {
      const [R, V, C, bias] = [90, 50_021, 4, 0];
      check(chunkRows(gpu, R, V) < R, `${R} rows of ${V} logits fit one chunk.`);
      const x = randomFloats(R * C, 17, 3);
      const W = randomFloats(V * C, 18);
      const [targets, weights, entropyWeights] = [randomIds(R, V, 19), randomFloats(R, 20), randomFloats(R, 21, 0.5)];
      const rows = Array.from({ length: R }, (_, r) => lossRow(r, V, bias, targets, weights, entropyWeights));
      const got = await runLoss(gpu, x, W, C, rows, bias);
      check(got.chunks === 2, `${got.chunks} chunks, 2 expected.`);
      const expected = crossEntropyRows(matmulNT(x, W, R, V, C), V, rows);
      expectClose('logprob', got.logprob, expected.logprob);
      expectClose('entropy', got.entropy, expected.entropy);
      expectClose('dx', got.dx, matmulNN(expected.dlogits, W, R, C, V));
      expectClose('dW', got.dW, matmulTN(expected.dlogits, x, V, C, R));
    },
  },
  {
    name: 'linearCrossEntropy with weights made from all log-probabilities, in one piece and in chunks',
    async run(gpu) {
      for (const [R, V] of [
        [10, 13],
        [84, 50_021],
      ] as const) {
        const C = 4;
        const x = randomFloats(R * C, 17, 3);
        const W = randomFloats(V * C, 18);
        const targets = randomIds(R, V, 19);
        const rows = Array.from(targets, (target): LossRow => ({ target, mode: 'full', weight: 1 }));
        const got = await runLoss(gpu, x, W, C, rows, 0, 0.5);
        const { logprob, dlogits } = crossEntropyRows(matmulNT(x, W, R, V, C), V, rows);
        for (let i = 0; i < dlogits.length; i++) dlogits[i]! *= 0.5 * logprob[Math.floor(i / V)]!;
        check(got.chunks === 2 * Math.ceil(R / chunkRows(gpu, R, V)), `${got.chunks} chunks`);
        expectClose(`${R} ${V}, logprob`, got.logprob, logprob);
        expectClose(`${R} ${V}, dx`, got.dx, matmulNN(dlogits, W, R, C, V));
      }
    },
  },
  ...Object.entries(LLAMAS).map(([name, t]) => ({
    name: `Llama ${name}: every parameter's gradient equals the reference`,
    async run(gpu: GpuContext) {
      const { model, weights } = await makeModel(gpu, t.shape);
      const { rows, loss } = makeBatch(t);
      const { expected, gradients } = referenceGradients(t, weights, rows, loss);
      const optimizer = await Optimizer.make(model);
      const batch = { B: t.B, T: t.T, W: t.W, pinned: t.pinned, bias: t.bias };
      const plan = await makeTrainPlan(model, optimizer, batch);
      plan.write(rows);
      let first: Map<string, Float32Array> | null = null;
      // twice: a step starts from no gradient
      for (let step = 0; step < 2; step++) {
        optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 0, clip: 0.5 });
        const got = await gradientsOf(gpu, model, optimizer);
        if (first) for (const [name, gradient] of got) expectSame(`d(${name}) of the second step`, gradient, first.get(name)!);
        first = got;
      }
      for (const [name, gradient] of first!) {
        // one token attends to itself alone: queries and keys get 0 up to rounding
        const nothing = t.T === 1 && /[qk]_proj/.test(name);
        if (!nothing) expectClose(`d(${name})`, gradient, gradients.get(name)!, 1e-6);
      }
      const result = await plan.readRows();
      expectClose('logprob', result.logprob, active(rows, expected.logprob));
      expectClose('entropy', result.entropy, active(rows, expected.entropy));
      const [report] = await optimizer.reports();
      const weighed = -dot(
        loss.map((row) => row.weight),
        expected.logprob,
      );
      expectClose('loss', [report!.loss], [weighed], 1e-10);
      expectClose('gradient norm', [report!.gradNorm], [globalNorm(gradients.values())], 1e-10);
      for (const tensor of await model.readAll())
        expectSame(`${tensor.name} at a learning rate of 0`, tensor.data, weights.get(tensor.name)!);
      plan.destroy();

      const score = await makeScorePlan(model, batch);
      score.write(rows);
      score.plan.run();
      const scored = await score.readRows();
      expectClose('scored logprob', scored.logprob, active(rows, expected.logprob));
      score.destroy();
      optimizer.destroy();
      model.destroy();
    },
  })),
  {
    name: 'training steps follow the reference with AdamW, and leave no memory behind',
    async run(gpu) {
      const t = LLAMAS['untied, windowed and pinned']!;
      const bytes = gpu.bytesInUse();
      const { model, weights } = await makeModel(gpu, t.shape);
      const { rows, loss } = makeBatch(t);
      const optimizer = await Optimizer.make(model);
      const plan = await makeTrainPlan(model, optimizer, { B: t.B, T: t.T, W: t.W, pinned: t.pinned, bias: t.bias });
      plan.write(rows);
      const settings = { lr: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-6, weightDecay: 0.1 };
      const [m, v]: [Weights, Weights] = [new Map(), new Map()];
      const norms: number[] = [];
      for (let step = 1; step <= 3; step++) {
        optimizer.step(plan, { ...settings, clip: 0.5 });
        const { gradients } = referenceGradients(t, weights, rows, loss);
        const norm = globalNorm(gradients.values());
        norms.push(norm);
        for (const [name, p] of weights) {
          for (const moments of [m, v]) if (!moments.has(name)) moments.set(name, new Float64Array(p.length));
          const weightDecay = name.includes('norm') ? 0 : settings.weightDecay;
          adamw(p, gradients.get(name)!, m.get(name)!, v.get(name)!, step, clipFactor(norm, 0.5), { ...settings, weightDecay });
        }
      }
      const reports = await optimizer.reports();
      expectClose(
        'gradient norms',
        reports.map((r) => r.gradNorm),
        norms,
        1e-9,
      );
      for (const tensor of await model.readAll()) expectClose(tensor.name, tensor.data, weights.get(tensor.name)!);
      plan.destroy();
      optimizer.destroy();
      model.destroy();
      check(gpu.bytesInUse() === bytes, `${gpu.bytesInUse() - bytes} bytes are left behind.`);
    },
  },
];
