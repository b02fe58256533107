// The float64 Llama: gradients by finite differences, and numbers of a real model from other implementations.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { parseConfig } from '../../../src/formats/config.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence } from '../../../src/tasks/sequence.ts';
import { crossEntropyRows } from '../../reference/crossEntropy.ts';
import { llamaBackward, llamaForward, type LlamaShape, type Weights } from '../../reference/llama.ts';
import { adamw, clipFactor, globalNorm } from '../../reference/optimiser.ts';
import { dot, expectGradient, randomArray } from './finiteDifference.ts';

const tiny: LlamaShape = {
  ...{ hidden: 8, intermediate: 12, layers: 2, heads: 4, kvHeads: 2, headDim: 4, vocabulary: 11 },
  ...{ rmsNormEps: 1e-5, ropeTheta: 10000, tieEmbeddings: false },
};

function randomWeights(c: LlamaShape, seed: number): Weights {
  const w: Weights = new Map();
  const put = (name: string, length: number, around = 0) =>
    w.set(
      name,
      randomArray(length, seed + w.size, 0.5).map((v) => v + around),
    );
  put('model.embed_tokens.weight', c.vocabulary * c.hidden);
  for (let l = 0; l < c.layers; l++) {
    const own = (name: string, length: number, around = 0) => put(`model.layers.${l}.${name}.weight`, length, around);
    own('input_layernorm', c.hidden, 1);
    own('self_attn.q_proj', c.heads * c.headDim * c.hidden);
    own('self_attn.k_proj', c.kvHeads * c.headDim * c.hidden);
    own('self_attn.v_proj', c.kvHeads * c.headDim * c.hidden);
    own('self_attn.o_proj', c.heads * c.headDim * c.hidden);
    own('post_attention_layernorm', c.hidden, 1);
    own('mlp.gate_proj', c.intermediate * c.hidden);
    own('mlp.up_proj', c.intermediate * c.hidden);
    own('mlp.down_proj', c.intermediate * c.hidden);
  }
  put('model.norm.weight', c.hidden, 1);
  if (!c.tieEmbeddings) put('lm_head.weight', c.vocabulary * c.hidden);
  return w;
}

describe('llama', () => {
  const task = builtinTask('recall-lines');
  const program = task.samplePrograms(makeRng(1, 0), 1)[0]!;
  const sequence = buildSequence(
    program,
    program.lines.map((_, t) => (t === 1 ? [3] : null)),
    task.latent,
  );
  const T = 14;
  const cut = (x: Int32Array) => x.slice(0, T);
  const batch = { ids: cut(sequence.ids), B: 1, T, W: 3, pinLo: cut(sequence.pinLo), pinHi: cut(sequence.pinHi) };

  it.each([false, true])('has the right gradient of every parameter (tied embeddings: %s)', (tieEmbeddings) => {
    const c = { ...tiny, tieEmbeddings };
    const w = randomWeights(c, 20);
    const dlogits = randomArray(T * c.vocabulary, 99);
    const grads = llamaBackward(c, w, batch, llamaForward(c, w, batch), dlogits);
    expect([...grads.keys()].sort()).toEqual([...w.keys()].sort());
    for (const [name, tensor] of w) expectGradient(() => dot(llamaForward(c, w, batch).logits, dlogits), tensor, grads.get(name)!, 23);
  });
  it('never lets a position see what comes later: no leak into the policy at a boundary', () => {
    const w = randomWeights(tiny, 40);
    const before = llamaForward(tiny, w, batch).logits;
    const start = sequence.lineStart[2]! - 1; // the decision of line 2: its row and all before it must not change
    const ids = batch.ids.map((id, i) => (i >= start ? (id + 1) % tiny.vocabulary : id));
    const after = llamaForward(tiny, w, { ...batch, ids }).logits;
    expect(Array.from(after.subarray(0, start * tiny.vocabulary))).toEqual(Array.from(before.subarray(0, start * tiny.vocabulary)));
    expect(after[start * tiny.vocabulary]).not.toBe(before[start * tiny.vocabulary]);
  });
  it('sees the pinned thought far outside the window, and only it', () => {
    const c = { ...tiny, layers: 1 };
    const w = randomWeights(c, 60);
    const at = sequence.pinLo.findIndex((lo) => lo > 0);
    const last = (ids: Int32Array) => llamaForward(c, w, { ...batch, ids }).logits.slice((T - 1) * c.vocabulary);
    const changed = (i: number) => last(batch.ids.map((id, j) => (j === i ? (id + 1) % c.vocabulary : id)));
    expect(T - 1 - at).toBeGreaterThanOrEqual(batch.W);
    expect(changed(at)).not.toEqual(last(batch.ids));
    expect(changed(at - 1)).toEqual(last(batch.ids));
  });
});

const folder = new URL('../../../../shared/models/stories260K/', import.meta.url);
const missing = !existsSync(folder);
if (missing) console.warn(`skipped: ${folder.pathname} is missing`);

async function stories() {
  const read = (name: string) => readFileSync(new URL(name, folder));
  const { architecture, raw } = parseConfig(read('config.json').toString());
  const config: LlamaShape = { ...architecture, rmsNormEps: architecture.norm.eps, ropeTheta: raw.rope_theta as number };
  const file = await readSafetensors(fromBytes('model.safetensors', new Uint8Array(read('model.safetensors'))));
  const weights: Weights = new Map();
  for (const name of file.tensors.keys()) weights.set(name, Float64Array.from(await file.readFloat32(name)));
  return {
    config,
    weights,
    golden: JSON.parse(read('golden.json').toString()) as Record<string, number[]> & { mean_nll_greedy_ids: number },
  };
}

/** Rows that predict token i + 1 of each of the given lines, padded to T, weighted by 1 / number of predicted tokens. */
function ntpRows(lines: number[][]) {
  const T = Math.max(...lines.map((l) => l.length));
  const total = lines.reduce((n, l) => n + l.length - 1, 0);
  const ids = lines.flatMap((l) => [...l, ...new Array<number>(T - l.length).fill(0)]);
  const rows = lines.flatMap((l) =>
    Array.from({ length: T }, (_, i) => ({ target: l[i + 1] ?? 0, mode: 'full' as const, weight: i + 1 < l.length ? 1 / total : 0 })),
  );
  return { batch: { ids, B: lines.length, T }, rows };
}

describe.skipIf(missing)('stories260K', () => {
  it('gives the published logits and negative log-likelihood', async () => {
    const { config, weights, golden } = await stories();
    const { batch, rows } = ntpRows([golden.greedy_ids!]);
    const { logits } = llamaForward(config, weights, batch);
    golden.logits_position_0_first16!.forEach((v, i) => expect(logits[i]).toBeCloseTo(v, 9));
    expect(crossEntropyRows(logits, config.vocabulary, rows).loss).toBeCloseTo(golden.mean_nll_greedy_ids, 9);
    for (let i = 0; i + 1 < batch.T; i++) {
      const row = Array.from(logits.subarray(i * config.vocabulary, (i + 1) * config.vocabulary));
      expect(row.indexOf(Math.max(...row))).toBe(batch.ids[i + 1]);
    }
  });
  it('follows the optimiser steps of transformers and torch', { timeout: 60000 }, async () => {
    const trace = JSON.parse(readFileSync(new URL('../../golden/stories260k_trace.json', import.meta.url), 'utf8')) as {
      lines: number[][];
      traces: {
        batch: number;
        lr: number;
        betas: [number, number];
        eps: number;
        weightDecay: number;
        clipNorm: number;
        steps: { loss: number; gradNorm: number }[];
      }[];
    };
    const { config, weights } = await stories();
    const { batch: size, lr, betas, eps, weightDecay, clipNorm, steps } = trace.traces[0]!;
    const moments = new Map([...weights].map(([name, p]) => [name, { m: new Float64Array(p.length), v: new Float64Array(p.length) }]));
    for (let step = 0; step < 3; step++) {
      const lines = Array.from({ length: size }, (_, j) => trace.lines[(step * size + j) % trace.lines.length]!);
      const { batch, rows } = ntpRows(lines);
      const forward = llamaForward(config, weights, batch);
      const { loss, dlogits } = crossEntropyRows(forward.logits, config.vocabulary, rows);
      const grads = llamaBackward(config, weights, batch, forward, dlogits);
      const norm = globalNorm(grads.values());
      expect(loss).toBeCloseTo(steps[step]!.loss, 4);
      expect(norm / steps[step]!.gradNorm).toBeCloseTo(1, 4);
      for (const [name, p] of weights) {
        const { m, v } = moments.get(name)!;
        adamw(p, grads.get(name)!, m, v, step + 1, clipFactor(norm, clipNorm), { lr, beta1: betas[0], beta2: betas[1], eps, weightDecay });
      }
    }
  });
});
