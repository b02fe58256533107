// stories260K trained by the engine on Dawn follows transformers and torch: ten AdamW steps of both traces and the log-probabilities of lines,
// see make_stories260k_trace.py. Needs the model in ../shared/models/stories260K; without it the tests are skipped and say so.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/paths.mjs';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { parseConfig } from '../../src/formats/config.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { BatchRows, makeScorePlan, makeTrainPlan } from '../../src/model/batch.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { Transformer } from '../../src/model/transformer.ts';

interface Trace {
  batch: number;
  lr: number;
  betas: [number, number];
  eps: number;
  weightDecay: number;
  clipNorm: number;
  steps: { loss: number; gradNorm: number }[];
  /** The loss on the first four lines after the last step. */
  lossAfter: number;
}
interface Golden {
  lines: number[][];
  /** Of the first lines, entry i for token i + 1. */
  logprobs: number[][];
  traces: Trace[];
}

const MODEL = join(ROOT, '../shared/models/stories260K');
const golden = JSON.parse(readFileSync(join(ROOT, 'test/golden/stories260k_trace.json'), 'utf8')) as Golden;
const isThere = existsSync(join(MODEL, 'model.safetensors'));
if (!isThere) console.log(`Skipped: ${MODEL} holds no model.safetensors. Put stories260K there to run its golden tests.`);

describe.skipIf(!isThere)('stories260K', () => {
  let gpu: GpuContext;
  beforeAll(async () => {
    gpu = await openGpu((await openNodeGpu()).adapter);
  });
  afterAll(() => gpu?.destroy());

  async function loadModel(): Promise<Transformer> {
    const config = parseConfig(readFileSync(join(MODEL, 'config.json'), 'utf8'));
    const file = await readSafetensors(fromBytes('model.safetensors', new Uint8Array(readFileSync(join(MODEL, 'model.safetensors')))));
    const model = await Transformer.make(gpu, config.architecture);
    await model.load(file);
    return model;
  }
  function batchOf(lines: number[][], T: number): BatchRows {
    const rows = new BatchRows(lines.length, T);
    lines.forEach((ids, b) => {
      rows.setNextToken(b, ids);
    });
    rows.normaliseWeights();
    return rows;
  }
  const T = Math.max(...golden.lines.map((line) => line.length));
  const shapeOf = (B: number) => ({ B, T, W: 0, pinned: false });
  const relative = (actual: number, wanted: number): number => Math.abs(actual - wanted) / Math.abs(wanted);

  it('gives the log-probabilities of lines to 1e-4', async () => {
    const model = await loadModel();
    const lines = golden.lines.slice(0, golden.logprobs.length);
    const plan = await makeScorePlan(model, shapeOf(lines.length));
    plan.write(batchOf(lines, T));
    plan.plan.run();
    const { logprob } = await plan.readRows();
    golden.logprobs.forEach((wanted, b) => {
      expect(wanted.length).toBe(lines[b]!.length - 1);
      const worst = Math.max(...wanted.map((lp, i) => Math.abs(logprob[b * T + i]! - lp)));
      expect(worst, `line ${b}`).toBeLessThan(1e-4);
    });
    plan.destroy();
    model.destroy();
  });

  it.each(golden.traces.map((trace) => ({ trace, name: `batch ${trace.batch}, lr ${trace.lr}, clip ${trace.clipNorm}` })))(
    'follows ten AdamW steps to 1e-4: $name',
    async ({ trace }) => {
      const model = await loadModel();
      const optimizer = await Optimizer.make(model);
      const plan = await makeTrainPlan(model, optimizer, shapeOf(trace.batch));
      const { lr, eps, weightDecay, clipNorm: clip } = trace;
      const [beta1, beta2] = trace.betas;
      trace.steps.forEach((_, step) => {
        const lines = Array.from({ length: trace.batch }, (_, j) => golden.lines[(step * trace.batch + j) % golden.lines.length]!);
        plan.write(batchOf(lines, T));
        optimizer.step(plan, { ...ADAMW_DEFAULTS, lr, beta1, beta2, eps, weightDecay, clip });
      });
      const reports = await optimizer.reports();
      expect(reports.length).toBe(trace.steps.length);
      reports.forEach((report, i) => {
        const wanted = trace.steps[i]!;
        expect(relative(report.loss, wanted.loss), `loss of step ${i + 1}: ${report.loss}, ${wanted.loss}`).toBeLessThan(1e-4);
        expect(relative(report.gradNorm, wanted.gradNorm), `norm of step ${i + 1}: ${report.gradNorm}, ${wanted.gradNorm}`).toBeLessThan(
          1e-4,
        );
      });
      plan.destroy();

      const rows = batchOf(golden.lines.slice(0, 4), T);
      const score = await makeScorePlan(model, shapeOf(4));
      score.write(rows);
      score.plan.run();
      const { logprob } = await score.readRows();
      const loss = -rows.weight.reduce((sum, w, r) => sum + w * logprob[r]!, 0);
      expect(relative(loss, trace.lossAfter), `loss after: ${loss}, ${trace.lossAfter}`).toBeLessThan(1e-4);
      score.destroy();
      optimizer.destroy();
      model.destroy();
    },
  );
});
