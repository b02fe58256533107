// RA3 test 4 on the device: a small Llama whose thoughts are few enough to be listed. The E-step's weights on every pair of latent sequences, each with
// its probability, give the gradient of the exactly enumerated objective, parameter by parameter: penalty, literal KL and importance weights.
import { readTensors } from '../../src/engine/graph.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { EStep } from '../../src/midtrain/eStep.ts';
import { type ElboSettings, elboSettings } from '../../src/midtrain/elbo.ts';
import type { LatentTrace } from '../../src/midtrain/rollouts.ts';
import { setTargets } from '../../src/midtrain/supervised.ts';
import { BatchRows, makeTrainPlan } from '../../src/model/batch.ts';
import { ADAMW_DEFAULTS, Optimizer } from '../../src/model/optimizer.ts';
import { buildSequence, type Sequence } from '../../src/tasks/sequence.ts';
import { targetsOf } from '../../src/tasks/targets.ts';
import type { LatentForm, Program } from '../../src/tasks/task.ts';
import { llamaBackward, llamaForward } from '../reference/llama.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose } from './support/compare.ts';
import { gradientsOf, makeModel } from './support/llamaModel.ts';

const Z = 2;
const [ACT, THINK] = [3, 4];
const FORM: LatentForm = { kind: 'codebook', act: ACT, think: THINK, contentLo: 0, contentHi: Z, maxLatentTokens: 1 };
const PROGRAM: Program = {
  prompt: [7, 5],
  lines: [5, 6].map((id) => ({ tokens: [id], sampled: [true], scored: [true] })),
  truth: [],
};
const LINES = PROGRAM.lines.length;
const SHAPE = {
  hidden: 8,
  intermediate: 16,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 4,
  vocabulary: 8,
  maxPositions: 16,
  rmsNormEps: 1e-5,
  ropeTheta: 100,
  tieEmbeddings: false,
};
const V = SHAPE.vocabulary;
const T = PROGRAM.prompt.length + 3 * LINES;
const G = 2;
const LOG_Z = Math.log(Z);

const CHOICES: (number[] | null)[] = [null, ...Array.from({ length: Z }, (_, z) => [z])];
const LATENTS = CHOICES.flatMap((first) => CHOICES.map((second) => [first, second]));
const B = LATENTS.length; // 9
const SEQUENCES = LATENTS.map((latents) => buildSequence(PROGRAM, latents, FORM));
const BATCH = { B, T, ids: SEQUENCES.flatMap(({ ids }) => Array.from({ length: T }, (_, i) => ids[i] ?? 0)) };

/** log q of the id at row i over [lo, hi), and the entropy there. */
function softmax(logits: ArrayLike<number>, row: number, lo: number, hi: number): { log: number[]; entropy: number } {
  const own = Array.from({ length: hi - lo }, (_, v) => logits[row * V + lo + v]!);
  const top = Math.max(...own);
  const total = top + Math.log(own.reduce((n, x) => n + Math.exp(x - top), 0));
  const log = own.map((x) => x - total);
  return { log, entropy: -log.reduce((n, l) => n + Math.exp(l) * l, 0) };
}

interface Described {
  logQ: number;
  /** Per line. */
  decision: { log: number; entropy: number }[];
  content: { log: number; entropy: number }[];
}

/** What q makes of latent sequence b, from its logits (T, V) at `row` on. */
function describe(s: Sequence, latents: (number[] | null)[], logits: ArrayLike<number>, row: number): Described {
  const decision = latents.map((latent, t) => {
    const at = softmax(logits, row + s.lineStart[t]! - (latent ? 3 : 2), ACT, THINK + 1);
    return { log: at.log[latent ? 1 : 0]!, entropy: at.entropy };
  });
  const content = latents.map((latent, t) => {
    if (!latent) return { log: 0, entropy: 0 };
    const at = softmax(logits, row + s.lineStart[t]! - 2, 0, Z);
    return { log: at.log[latent[0]!]!, entropy: at.entropy };
  });
  const logQ = [...decision, ...content].reduce((n, { log }) => n + log, 0);
  return { logQ, decision, content };
}

const lineLogprob = (s: Sequence, b: number, t: number, logits: Float64Array): number =>
  softmax(logits, b * T + s.lineStart[t]! - 1, 0, V).log[PROGRAM.lines[t]!.tokens[0]!]!;

async function gradientIsExact(gpu: GpuContext, settings: ElboSettings): Promise<void> {
  const { model: q, weights } = await makeModel(gpu, SHAPE, {}, 700);
  const { model: pi, weights: frozen } = await makeModel(gpu, SHAPE, {}, 800);
  const forward = llamaForward(SHAPE, weights, BATCH);
  const piLogits = llamaForward(SHAPE, frozen, BATCH).logits;
  const own = SEQUENCES.map((s, b) => describe(s, LATENTS[b]!, forward.logits, b * T));
  const probability = own.map(({ logQ }) => Math.exp(logQ));
  check(Math.abs(probability.reduce((a, p) => a + p, 0) - 1) < 1e-12, 'the latent sequences are not all there are');
  check(Math.max(...probability) > 2 / B && Math.min(...probability) < 0.5 / B, 'q is close to uniform; choose another seed');

  // every pair of latent sequences as the rollouts of one program
  const trace = (b: number): LatentTrace => {
    const s = SEQUENCES[b]!;
    const made: LatentTrace = {
      program: PROGRAM,
      latents: LATENTS[b]!,
      written: PROGRAM.lines.map((line) => line.tokens),
      sequence: { ...s, sampled: s.sampled.slice() },
      logprob: new Float32Array(s.ids.length),
      entropy: new Float32Array(s.ids.length),
      decisionLogprob: Float32Array.from(own[b]!.decision, ({ log }) => log),
      decisionEntropy: Float32Array.from(own[b]!.decision, ({ entropy }) => entropy),
      capHit: new Uint8Array(LINES),
    };
    LATENTS[b]!.forEach((latent, t) => {
      if (!latent) return;
      made.logprob[s.lineStart[t]! - 1] = own[b]!.content[t]!.log;
      made.entropy[s.lineStart[t]! - 1] = own[b]!.content[t]!.entropy;
    });
    return made;
  };
  const pairs = LATENTS.flatMap((_, a) => LATENTS.map((_, b): [number, number] => [a, b]));
  const P = pairs.length;
  const optimizer = await Optimizer.make(q);
  const latent = { form: FORM, symbolLo: 0, symbolHi: V, bias: 0 };
  const eStep = await EStep.make(q, pi, optimizer, { P, G, T, S: T, W: 0, L: LINES }, latent, { settings, logZ: LOG_Z });
  await eStep.update(
    pairs.map(() => PROGRAM),
    pairs.flat().map(trace),
    0,
  );
  const [weight, entropyWeight] = await readTensors(gpu, [eStep.train.inputs.weight, eStep.train.inputs.entropyWeight]);
  eStep.destroy();

  // their expectation: each pair with its probability, folded onto the nine sequences
  const rows = new BatchRows(B, T);
  SEQUENCES.forEach((s, b) => setTargets(rows, b, s, targetsOf(s, 'policy-estep', { latent: FORM }), () => 0));
  pairs.forEach((pair, p) => {
    const scale = P * probability[pair[0]]! * probability[pair[1]]!;
    pair.forEach((b, g) => {
      for (let i = 0; i < T; i++) {
        rows.weight[b * T + i]! += scale * weight![(p * G + g) * T + i]!;
        rows.entropyWeight[b * T + i]! += scale * entropyWeight![(p * G + g) * T + i]!;
      }
    });
  });
  const plan = await makeTrainPlan(q, optimizer, { B, T, W: 0, pinned: false });
  plan.write(rows);
  optimizer.step(plan, { ...ADAMW_DEFAULTS, lr: 0 });
  const got = await gradientsOf(gpu, q, optimizer);
  plan.destroy();

  // the exact objective as a function of each sequence's logits, and its gradient through the reference
  const reward = SEQUENCES.map((s, b) => LATENTS[b]!.reduce((n, z, t) => n + lineLogprob(s, b, t, piLogits) - (z ? settings.c : 0), 0));
  const logW = own.map(({ logQ }, b) => reward[b]! - logQ);
  /** Probability that one of two draws from q, taken by their weights, is sequence b. */
  const taken = own.map((_, b) =>
    probability.reduce((n, p, other) => n + (2 * probability[b]! * p) / (1 + Math.exp(logW[other]! - logW[b]!)), 0),
  );
  const objective = (b: number, logits: ArrayLike<number>): number => {
    const { logQ, decision, content } = describe(SEQUENCES[b]!, LATENTS[b]!, logits, 0);
    const bonus = settings.eta * [...decision, ...content].reduce((n, { entropy }) => n + entropy, 0);
    if (settings.objective === 'importance-weighted') return (taken[b]! * logQ) / LINES;
    return (Math.exp(logQ) * (reward[b]! + bonus)) / LINES;
  };
  const dlogits = new Float64Array(B * T * V);
  SEQUENCES.forEach((_, b) => {
    const logits = forward.logits.slice(b * T * V, (b + 1) * T * V);
    for (let i = 0; i < logits.length; i++) {
      const kept = logits[i]!;
      const at = (x: number): number => {
        logits[i] = x;
        return objective(b, logits);
      };
      dlogits[b * T * V + i] = -(at(kept + 1e-5) - at(kept - 1e-5)) / 2e-5;
      logits[i] = kept;
    }
  });
  const wanted = llamaBackward(SHAPE, weights, BATCH, forward, dlogits);
  for (const [name, gradient] of got) expectClose(`d(${name})`, gradient, wanted.get(name)!, 1e-6);

  for (const held of [optimizer, q, pi]) held.destroy();
}

const RECIPE = {
  objective: 'policy-gradient' as const,
  kl: 'penalty' as const,
  c: 0.4,
  alpha: 0.8,
  tokenPenalty: 0,
  capPenalty: 0,
  eta: 0.3,
  gamma: 1,
  lengthNormalised: false,
};

export const cases: KernelCase[] = [
  {
    name: 'RA3 test 4: the policy gradient of penalised rewards and entropies equals the exactly enumerated one in expectation, in every parameter',
    run: (gpu) => gradientIsExact(gpu, { ...elboSettings(RECIPE, LOG_Z), normalised: false, exact: true }),
  },
  {
    name: 'RA3 test 4: the gradient of the literal ELBO equals the exactly enumerated one in expectation, in every parameter',
    run: (gpu) => gradientIsExact(gpu, elboSettings({ ...RECIPE, kl: 'literal' }, LOG_Z)),
  },
  {
    name: 'RA3 test 4: the importance-weighted gradient equals the exactly enumerated one in expectation, in every parameter',
    run: (gpu) => gradientIsExact(gpu, elboSettings({ ...RECIPE, kl: 'literal', objective: 'importance-weighted' }, LOG_Z)),
  },
];
