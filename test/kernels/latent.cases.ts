// The kernels of the latent policy: the sampler walks its scripts as the float64 rollout does and as src/tasks/sequence.ts lays sequences out;
// rewards, advantages and weights of the policy gradient equal src/midtrain/elbo.ts, and expert tokens carry exactly no weight.
import { freeState, Graph, writeTensor } from '../../src/engine/graph.ts';
import { flatGrid } from '../../src/engine/matmul.ts';
import { logitStride } from '../../src/engine/ops.ts';
import type { GpuContext } from '../../src/gpu/context.ts';
import { buildSequence, parseRollout, ROLE, type Sequence, withWritten } from '../../src/tasks/sequence.ts';
import type { LatentForm, Program } from '../../src/tasks/task.ts';
import {
  boundaryRow,
  type ElboSettings,
  type Group,
  groupAdvantages,
  importanceAdvantages,
  leaveOneOut,
  lineRewards,
  lineTotal,
  policyWeights,
  returnsToGo,
} from '../reference/elbo.ts';
import { type PolicyRollout, type PolicySettings, policyRollout } from '../reference/policySampler.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { check, expectClose, expectFrequencies, expectSame, expectWithin } from './support/compare.ts';
import { download, randomFloats, randomIds, rowGroups, runKernel, strided, untouched, upload } from './support/runKernel.ts';

const CODEBOOK: LatentForm = { kind: 'codebook', act: 3, think: 4, contentLo: 5, contentHi: 9, maxLatentTokens: 1 };
const TEXT: LatentForm = { kind: 'text', think: 2, contentEnd: 1, maxLatentTokens: 3 };
const CAP = 16;

const floatBits = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0]!;

function settingsOf({ seed, stream, form, symbolLo, symbolHi, bias, off }: PolicySettings, V: number): Uint32Array {
  const own =
    form.kind === 'codebook'
      ? [0, form.act, form.think, form.contentLo, form.contentHi, 0xffffffff, 1]
      : [1, 0xffffffff, form.think, 0, V, form.contentEnd, form.maxLatentTokens];
  const screened = [off?.thoughts ? 1 : 0, 0, 0, 0];
  for (const id of off?.contents ?? []) {
    const k = id - own[3]!;
    screened[1 + (k >> 5)]! |= 1 << (k & 31);
  }
  return Uint32Array.of(seed, stream, ...own, symbolLo, symbolHi, floatBits(bias), ...screened);
}

/** token, flags per slot: 1 sampled, 2 starts a line, 4 prompt, 8 ends the row. */
function scriptOf(programs: readonly Program[], S: number): Uint32Array {
  const out = new Uint32Array(programs.length * S * 2);
  programs.forEach(({ prompt, lines }, b) => {
    const slots = [
      ...prompt.map((id) => [id, 4]),
      ...lines.flatMap((l) => l.tokens.map((id, j) => [id, (l.sampled[j] ? 1 : 0) | (j === 0 ? 2 : 0)])),
    ];
    slots.at(-1)![1]! |= 8;
    out.set(slots.flat(), b * S * 2);
  });
  return out;
}

/** Programs of 1 to 4 lines of 1 to 3 tokens, ids from 9 on; `sampled` says which line tokens the policy writes. */
function programsOf(B: number, V: number, seed: number, sampled: (b: number, t: number, j: number) => boolean): Program[] {
  const random = randomIds(B * 64, V - 9, seed);
  return Array.from({ length: B }, (_, b): Program => {
    let at = b * 64;
    const next = (): number => random[at++]!;
    const lines = Array.from({ length: 1 + (next() % 4) }, (_, t) => {
      const tokens = Array.from({ length: 1 + (next() % 3) }, () => 9 + next());
      const flags = tokens.map((_, j) => sampled(b, t, j));
      return { tokens, sampled: flags, scored: tokens.map(() => true) };
    });
    return { prompt: Array.from({ length: 1 + (next() % 3) }, () => 9 + next()), lines, truth: [] };
  });
}

interface Walk {
  rollouts: PolicyRollout[];
  programs: Program[];
  form: LatentForm;
}

/** Runs the sampler step by step in two chunks of rows and compares every token, role, record and pin with the references. */
async function walk(
  gpu: GpuContext,
  LANES: number,
  options: {
    form: LatentForm;
    V: number;
    T: number;
    bias: number;
    seed: number;
    sampled: (b: number, t: number, j: number) => boolean;
    off?: NonNullable<PolicySettings['off']>;
  },
): Promise<Walk> {
  const { form, V, T, bias, seed } = options;
  const [B, chunk, S, stride] = [13, 8, 16, 64];
  const ld = logitStride(V);
  const policy: PolicySettings = {
    seed,
    stream: 3,
    form,
    symbolLo: form.kind === 'text' ? 0 : 9,
    symbolHi: V,
    bias,
    ...(options.off ? { off: options.off } : {}),
  };
  const programs = programsOf(B, V, seed, options.sampled);
  const logits = randomFloats(T * B * V, seed + 1, 2);
  const at = (position: number, b: number): Float64Array => logits.subarray((position * B + b) * V, (position * B + b + 1) * V);
  if (form.kind === 'text') {
    // often a thought, often one that ends by itself
    for (let i = 0; i < T * B; i++)
      for (const id of [form.think, form.contentEnd]) logits[i * V + id] = Math.fround(logits[i * V + id]! + 2.5);
  }
  const expected = programs.map((p, b) => policyRollout(p, b, T, (i) => at(i, b), policy));

  const state = new Uint32Array(8 * stride);
  const ids = new Uint32Array(B * T);
  programs.forEach(({ prompt }, b) => {
    state[stride + b] = prompt[0]!;
    state[4 * stride + b] = 1;
    ids[b * T] = prompt[0]!;
  });
  const tensors = {
    settings: upload(gpu, 'settings', settingsOf(policy, V)),
    script: upload(gpu, 'script', scriptOf(programs, S)),
    state: upload(gpu, 'state', state),
    ids: upload(gpu, 'ids', ids),
    role: upload(gpu, 'role', new Uint32Array(B * T)),
    record: upload(gpu, 'record', new Float64Array(B * T * 4)),
  };
  const graph = new Graph(gpu, 'walk');
  const chunks = [0, chunk].map((firstRow) => {
    const rows = Math.min(chunk, B - firstRow);
    const tensor = graph.input('logits', [rows, ld]);
    graph.dispatch('latent/policy_sampler', [tensor, ...Object.values(tensors)], {
      overrides: { LANES },
      args: { rows, firstRow, V, ld, T, S, stride },
      grid: rowGroups(rows, LANES),
    });
    return { tensor, firstRow, rows };
  });
  const plan = await graph.compile();
  const pins: Uint32Array[] = [];
  for (let step = 0; step + 1 < T + 2; step++) {
    // a row stands at its own length; all rows advance together until they are done
    const position = Math.min(step, T - 1);
    for (const { tensor, firstRow, rows } of chunks) {
      const x = logits.subarray((position * B + firstRow) * V, (position * B + firstRow + rows) * V);
      writeTensor(gpu, tensor, Float32Array.from(strided(x, rows, V, ld, 60)));
    }
    plan.run();
    const [held] = await download(gpu, [tensors.state]);
    pins.push(held!.words.slice());
  }
  const [end, gotIds, gotRole, gotRecord] = await download(gpu, [tensors.state, tensors.ids, tensors.role, tensors.record]);
  plan.destroy();
  for (const t of Object.values(tensors)) freeState(gpu, t);

  let close = 0;
  programs.forEach((program, b) => {
    const what = `${form.kind}, ${LANES} threads, row ${b}`;
    const want = expected[b]!;
    if (want.margin < 1e-3) {
      close += 1;
      return;
    }
    const N = want.ids.length;
    check(end!.words[b] === N - 1, `${what}: ended at position ${end!.words[b]}, expected ${N - 1}.`);
    check(end!.words[stride + b] === want.ids[N - 1], `${what}: the current token is ${end!.words[stride + b]}.`);
    expectSame(`${what}, ids`, gotIds!.words.slice(b * T, b * T + N), want.ids);
    const roles = want.roles.map((role, i) => role + (want.capped[i] ? CAP : 0));
    expectSame(`${what}, roles`, gotRole!.words.slice(b * T, b * T + N), roles);
    expectSame(`${what}, beyond the end`, gotIds!.words.slice(b * T + N, (b + 1) * T), new Uint32Array(T - N));
    expectWithin(`${what}, record`, gotRecord!.floats.slice(4 * b * T, 4 * (b * T + N)), want.record.flat(), 2e-5);

    // the same sequence as src/tasks/sequence.ts builds from what the rollout says
    const parsed = parseRollout(want.ids.slice(program.prompt.length), program, form);
    if (!parsed.complete) return;
    const sequence = buildSequence(withWritten(program, parsed.written), parsed.latents, form);
    expectSame(`${what}, sequence`, sequence.ids, want.ids);
    expectSame(`${what}, sequence roles`, sequence.roles, want.roles);
    check(end!.words[7 * stride + b] === 1, `${what} is not done.`);
    for (let i = 1; i < N; i++) {
      const seen = (lo: number, hi: number): [number, number] => (Math.min(hi, i + 1) > lo ? [lo, Math.min(hi, i + 1)] : [0, 0]);
      const after = pins[i - 1]!;
      expectSame(
        `${what}, pinned range at ${i} of ${want.roles}`,
        seen(after[2 * stride + 2 * b]!, after[2 * stride + 2 * b + 1]!),
        seen(sequence.pinLo[i]!, sequence.pinHi[i]!),
      );
      const sampled = want.capped[i] ? 0 : 1;
      if (sequence.roles[i] === ROLE.contentEnd) check(sequence.sampled[i] === sampled, `${what}: token ${i} is sampled, or capped.`);
    }
  });
  check(close <= 2, `${close} of ${B} rollouts are too close to call. Choose another seed.`);
  return { rollouts: expected, programs, form };
}

/** What a walk must have met for the case to mean anything. */
function expectMet(walks: readonly Walk[], what: string, met: (r: PolicyRollout) => boolean): void {
  check(
    walks.some((w) => w.rollouts.some(met)),
    `No rollout has ${what}. Choose another seed.`,
  );
}

const SETTINGS: ElboSettings = {
  objective: 'policy-gradient',
  c: 0.05,
  eta: 0.03,
  gamma: 0.9,
  tokenPenalty: 0.01,
  capPenalty: 0.2,
  lengthNormalised: false,
  normalised: true,
  exact: false,
};

/** A batch of programs with thoughts, and everything that both sides need. */
function elboBatch(form: LatentForm, P: number, G: number, seed: number) {
  const V = 23;
  const T = 40;
  const programs = programsOf(P, V, seed, () => false);
  const L = Math.max(...programs.map((p) => p.lines.length));
  const coins = randomIds(P * G * L * 4, 1000, seed + 1);
  let coin = 0;
  const flip = (): number => coins[coin++]!;
  const sequences = programs.flatMap((program) =>
    Array.from({ length: G }, () => {
      const latents = program.lines.map(() => {
        const [thinks, length, id] = [flip() % 2, 1 + (flip() % 3), flip()];
        if (!thinks) return null;
        return form.kind === 'codebook' ? [5 + (id % 4)] : Array.from({ length }, (_, j) => 9 + ((id + j) % (V - 9)));
      });
      return buildSequence(program, latents, form);
    }),
  );
  const rows = P * G;
  const logprob = randomFloats(rows * T, seed + 2).map((v) => Math.fround(v * 2 - 2));
  const entropy = randomFloats(rows * T, seed + 3).map((v) => Math.fround(v + 1));
  const group: Group = {
    programs: P,
    group: G,
    lines: L,
    lineCount: Int32Array.from(programs, (p) => p.lines.length),
    lineLogprob: new Float64Array(rows * L),
    scoredTokens: new Int32Array(rows * L),
    think: new Uint8Array(rows * L),
    latentTokens: new Int32Array(rows * L),
    capHit: new Uint8Array(rows * L),
  };
  const [first, count] = [new Uint32Array(rows * L), new Uint32Array(rows * L)];
  const scored = new Float64Array(rows * T);
  sequences.forEach((s, r) => {
    s.thinks.forEach((think, t) => {
      const n = r * L + t;
      const tokens = programs[Math.floor(r / G)]!.lines[t]!.tokens.length;
      first[n] = r * T + s.lineStart[t]! - 1;
      count[n] = tokens;
      for (let j = 0; j < tokens; j++) {
        const row = first[n]! + j;
        scored[row] = (t + j) % 4 === 3 ? 0 : 1;
        group.lineLogprob[n]! += scored[row]! * logprob[row]!;
        group.scoredTokens[n]! += scored[row]!;
      }
      group.think[n] = think;
      group.latentTokens[n] = s.roles.filter((role, i) => s.line[i] === t && role === ROLE.content).length;
      group.capHit[n] = form.kind === 'text' && group.latentTokens[n] === form.maxLatentTokens ? 1 : 0;
    });
  });
  const cost = Float64Array.from(group.think, (think, n) =>
    think ? SETTINGS.c + SETTINGS.tokenPenalty * group.latentTokens[n]! + SETTINGS.capPenalty * group.capHit[n]! : 0,
  );
  return { T, L, sequences, logprob, entropy, group, first, count, scored, cost };
}

/** Whether row i of a sequence predicts a token of the expert's: a line token that no decision of the text form shares. */
const expertRow = (s: Sequence, i: number, boundaries: ReadonlySet<number>): boolean => s.roles[i + 1] === ROLE.line && !boundaries.has(i);

export const cases: KernelCase[] = [
  ...[1, 16, 64].map((LANES) => ({
    name: `latent/policy_sampler with a codebook and ${LANES} threads per row walks to the end`,
    async run(gpu: GpuContext) {
      const walks = [
        await walk(gpu, LANES, { form: CODEBOOK, V: 23, T: 24, bias: 0, seed: 1, sampled: () => false }),
        await walk(gpu, LANES, { form: CODEBOOK, V: 29, T: 24, bias: 0, seed: 2, sampled: (b, t, j) => (b + t + j) % 3 > 0 }),
        await walk(gpu, LANES, { form: { ...CODEBOOK, act: 4, think: 3 }, V: 509, T: 7, bias: 0, seed: 3, sampled: () => true }),
      ];
      expectMet(walks, 'a thought', (r) => r.roles.includes(ROLE.content));
      expectMet(walks, 'no thought', (r) => !r.roles.includes(ROLE.content));
      const lacking = (off: NonNullable<PolicySettings['off']>, contentHi: number) =>
        walk(gpu, LANES, { form: { ...CODEBOOK, contentHi }, V: 47, T: 24, bias: 0, seed: 1, sampled: () => false, off });
      const some = [
        await lacking({ thoughts: false, contents: [6, 8] }, 9),
        await lacking({ thoughts: false, contents: [5, 7, 38, 45] }, 46),
      ];
      expectMet(some, 'a thought', (r) => r.roles.includes(ROLE.content));
      const none = await lacking({ thoughts: true, contents: [] }, 9);
      check(!none.rollouts.some((r) => r.roles.includes(ROLE.content)), 'a rollout thinks with thoughts off');
      expectMet(walks.slice(2), 'its end at the last position', (r) => r.ids.length === 7);
    },
  })),
  ...[1, 16, 64].map((LANES) => ({
    name: `latent/policy_sampler with text thoughts and ${LANES} threads per row walks to the end`,
    async run(gpu: GpuContext) {
      const walks = [
        await walk(gpu, LANES, { form: TEXT, V: 23, T: 40, bias: 0, seed: 4, sampled: () => false }),
        await walk(gpu, LANES, { form: TEXT, V: 13, T: 40, bias: 1.5, seed: 5, sampled: () => false }),
        await walk(gpu, LANES, { form: { ...TEXT, maxLatentTokens: 1 }, V: 23, T: 30, bias: -1, seed: 6, sampled: (b) => b % 2 === 0 }),
      ];
      expectMet(walks, 'a thought that the cap ended', (r) => r.capped.includes(true));
      expectMet(walks, 'a thought that ended itself', (r) => r.roles.some((role, i) => role === ROLE.contentEnd && !r.capped[i]));
      expectMet(walks, 'an empty thought after a full one', (r) =>
        r.roles.some((role, i) => role === ROLE.contentEnd && r.roles[i - 1] === ROLE.think && r.roles.slice(0, i).includes(ROLE.content)),
      );
      expectMet(walks, 'a line without a thought', (r) => !r.roles.includes(ROLE.think));
    },
  })),
  {
    name: 'latent/policy_sampler decides and thinks with the probabilities of its softmaxes',
    async run(gpu) {
      const [B, V, ld] = [2000, 13, 16];
      const one = randomFloats(V, 61, 2);
      const softmax = (lo: number, hi: number): Float64Array => {
        const out = new Float64Array(V);
        let sum = 0;
        for (let v = lo; v < hi; v++) sum += Math.exp(one[v]!);
        for (let v = lo; v < hi; v++) out[v] = Math.exp(one[v]!) / sum;
        return out;
      };
      const draw = async (form: LatentForm, phase: number, bias: number): Promise<Uint32Array> => {
        const stride = 2048;
        const state = new Uint32Array(8 * stride).fill(phase, 5 * stride, 6 * stride);
        const result = await runKernel(gpu, 'latent/policy_sampler', {
          bindings: {
            logits: Float64Array.from({ length: B * ld }, (_, i) => (i % ld < V ? one[i % ld]! : 0)),
            settings: settingsOf({ seed: 9, stream: 9, form, symbolLo: 0, symbolHi: V, bias }, V),
            script: Uint32Array.from({ length: B * 2 }, (_, i) => (i % 2 ? 2 : 12)),
            state,
            ids: new Uint32Array(2 * B),
            role: new Uint32Array(2 * B),
            record: new Float64Array(8 * B),
          },
          args: { rows: B, firstRow: 0, V, ld, T: 2, S: 1, stride },
          overrides: { LANES: 1 },
          grid: rowGroups(B, 1),
        });
        return result.ids!.words.filter((_, i) => i % 2 === 1);
      };
      expectFrequencies('codebook decision', await draw(CODEBOOK, 0, 0), softmax(3, 5));
      expectFrequencies('codebook content', await draw(CODEBOOK, 2, 0), softmax(5, 9));
      expectFrequencies('text content', await draw(TEXT, 2, 0), softmax(0, V));
      const p = softmax(0, V)[TEXT.think]!;
      for (const bias of [0, 2]) {
        const odds = (p / (1 - p)) * Math.exp(bias);
        const wanted = new Float64Array(V);
        wanted[TEXT.think] = odds / (1 + odds);
        wanted[12] = 1 / (1 + odds);
        expectFrequencies(`text decision, bias ${bias}`, await draw(TEXT, 0, bias), wanted);
      }
    },
  },
  {
    name: 'RA3 test 3: latent/line_rewards, latent/advantages, latent/advantage_scale and latent/policy_weights equal src/midtrain/elbo.ts, group means are 0',
    async run(gpu) {
      for (const { form, P, G, gamma, lengthNormalised, normalised } of [
        { form: CODEBOOK, P: 3, G: 4, gamma: 1, lengthNormalised: false, normalised: true },
        { form: TEXT, P: 5, G: 3, gamma: 0.9, lengthNormalised: true, normalised: true },
        { form: TEXT, P: 1, G: 2, gamma: 0, lengthNormalised: false, normalised: false },
      ]) {
        const what = `${form.kind} P ${P} G ${G}`;
        const settings = { ...SETTINGS, gamma, lengthNormalised, normalised };
        const batch = elboBatch(form, P, G, 71 + P);
        const { T, L, sequences, group, first, count } = batch;
        const N = P * G * L;
        const rewards = lineRewards(group, settings);
        const line = await runKernel(gpu, 'latent/line_rewards', {
          bindings: {
            logprob: batch.logprob,
            scored: batch.scored,
            first,
            count,
            cost: batch.cost,
            lineLogprob: untouched(N),
            reward: untouched(N),
          },
          args: { N, normalised: lengthNormalised ? 1 : 0 },
          grid: flatGrid(N),
        });
        expectClose(`${what}, line logprob`, line.lineLogprob!.floats, group.lineLogprob);
        expectClose(`${what}, reward`, line.reward!.floats, rewards);

        const factor = normalised ? 1 : leaveOneOut(G);
        const plain = groupAdvantages(group, returnsToGo(group, rewards, gamma), false).map((a) => factor * a);
        const { advantage } = await runKernel(gpu, 'latent/advantages', {
          bindings: { reward: line.reward!.floats, count, advantage: untouched(N) },
          args: { P, G, L, gamma, factor },
          grid: Math.ceil((P * L) / 64),
        });
        expectClose(`${what}, advantage`, advantage!.floats, plain, 1e-6);
        for (let p = 0; p < P; p++) {
          for (let t = 0; t < L; t++) {
            let sum = 0;
            for (let g = 0; g < G; g++) sum += advantage!.floats[(p * G + g) * L + t]!;
            check(Math.abs(sum) < 1e-5, `${what}: the advantages of program ${p}, line ${t} sum to ${sum}.`);
          }
        }

        const scaled = normalised ? groupAdvantages(group, returnsToGo(group, rewards, gamma), true) : plain;
        const { scale } = await runKernel(gpu, 'latent/advantage_scale', {
          bindings: { advantage: advantage!.floats, count, scale: untouched(1) },
          args: { N, normalise: normalised ? 1 : 0 },
          grid: 1,
        });
        const top = plain.reduce((best, v, i) => (Math.abs(v) > Math.abs(plain[best]!) ? i : best), 0);
        expectClose(`${what}, scale`, scale!.floats, [scaled[top]! / plain[top]!], 1e-12);

        const total = lineTotal(group);
        const R = P * G * T;
        const rowLine = new Uint32Array(R).fill(0xffffffff);
        const later = new Float64Array(R);
        const wanted = { weight: new Float64Array(R), entropyWeight: new Float64Array(R) };
        const expert: number[] = [];
        sequences.forEach((s, r) => {
          const entropy = batch.entropy.subarray(r * T, (r + 1) * T);
          const w = policyWeights(s, scaled.subarray(r * L, (r + 1) * L), entropy, settings.eta, total);
          wanted.weight.set(w.weight, r * T);
          wanted.entropyWeight.set(w.entropyWeight, r * T);
          const boundaries = new Set<number>();
          s.thinks.forEach((_, t) => {
            const boundary = boundaryRow(s, t);
            boundaries.add(boundary);
            let sum = 0;
            for (let i = s.lineStart[t]! - 2; i >= boundary; i--) {
              if (i > boundary && s.sampled[i + 1] !== 1) continue;
              rowLine[r * T + i] = r * L + t;
              later[r * T + i] = sum;
              sum += entropy[i]!;
            }
            if (s.lineStart[t]! - 1 === boundary) rowLine[r * T + boundary] = r * L + t; // act of the text form: nothing is written
          });
          for (let i = 0; i + 1 < s.ids.length; i++) if (expertRow(s, i, boundaries)) expert.push(r * T + i);
        });
        const weights = await runKernel(gpu, 'latent/policy_weights', {
          bindings: {
            rowLine,
            later,
            advantage: advantage!.floats,
            scale: scale!.floats,
            settings: Float64Array.of(1 / total, settings.eta),
            weight: untouched(R),
            entropyWeight: untouched(R),
          },
          args: { R },
          grid: flatGrid(R),
        });
        expectClose(`${what}, weight`, weights.weight!.floats, wanted.weight);
        expectClose(`${what}, entropy weight`, weights.entropyWeight!.floats, wanted.entropyWeight);
        check(expert.length > 0, `${what}: no expert rows.`);
        for (const name of ['weight', 'entropyWeight'] as const) {
          expectSame(
            `${what}, ${name} of expert rows`,
            expert.map((row) => weights[name]!.floats[row]!),
            new Float64Array(expert.length),
          );
        }
      }
    },
  },
  {
    name: 'latent/importance_advantages equals src/midtrain/elbo.ts, at weights far apart and at equal ones',
    async run(gpu) {
      for (const { form, P, G, scale } of [
        { form: CODEBOOK, P: 3, G: 4, scale: 1 },
        { form: TEXT, P: 5, G: 3, scale: 300 },
        { form: TEXT, P: 2, G: 1, scale: 1 },
        { form: CODEBOOK, P: 33, G: 2, scale: 0 },
      ]) {
        const what = `${form.kind} P ${P} G ${G}, log weights up to ${scale}`;
        const { L, group, count } = elboBatch(form, P, G, 91 + P);
        const N = P * G * L;
        const own = (seed: number): Float64Array => randomFloats(N, seed).map((v, n) => (count[n]! > 0 ? Math.fround(scale * v) : 0));
        const [reward, logQ] = [own(95), own(96)];
        const { advantage } = await runKernel(gpu, 'latent/importance_advantages', {
          bindings: { reward, logQ, count, advantage: untouched(N) },
          args: { P, G, L },
          grid: Math.ceil((P * L) / 64),
        });
        const wanted = importanceAdvantages(group, reward, logQ);
        if (scale === 0 || G === 1) expectSame(what, advantage!.floats, new Float64Array(N));
        else check(wanted.some((v) => v > 0.5) && wanted.some((v) => v < 0), `${what}: the weights are too equal.`);
        expectClose(what, advantage!.floats, wanted, 1e-6);
      }
    },
  },
  {
    name: 'lines without spread have an advantage of exactly 0',
    async run(gpu) {
      const [P, G, L] = [2, 3, 5];
      const one = randomFloats(P * L, 81, 3);
      const reward = Float64Array.from({ length: P * G * L }, (_, i) => one[Math.floor(i / (G * L)) * L + (i % L)]!);
      const count = new Uint32Array(P * G * L).fill(1);
      const { advantage } = await runKernel(gpu, 'latent/advantages', {
        bindings: { reward, count, advantage: untouched(P * G * L) },
        args: { P, G, L, gamma: 0.7, factor: 1 },
        grid: 1,
      });
      expectSame('advantage', advantage!.floats, new Float64Array(P * G * L));
    },
  },
  {
    name: 'fewer than two lines are not scaled',
    async run(gpu) {
      const { scale } = await runKernel(gpu, 'latent/advantage_scale', {
        bindings: { advantage: Float64Array.of(2, 5), count: Uint32Array.of(1, 0), scale: untouched(1) },
        args: { N: 2, normalise: 1 },
        grid: 1,
      });
      expectSame('scale', scale!.floats, [1]);
    },
  },
];
