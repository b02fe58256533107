// R23: any state makes a link of at most 8 KB that gives the recipe back exactly; any change of a link is refused, never read as garbage.
// R22: links made by earlier releases mean what they meant.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ArmResult } from '../../src/run/events.ts';
import { ARMS, OBJECTIVE, PRESETS, BUILTIN_KINDS, RANGES, type Recipe, SUITES } from '../../src/run/recipe.ts';
import { decodeLink, encodeLink, LinkError, type LinkState, MAX_LINK_CHARACTERS } from '../../src/share/link.ts';
import { LINK_BASE_V1 } from '../../src/share/linkBase.ts';
import { OLD_LINKS } from '../support/hostileLinks.ts';

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const whole = (min: number, max: number) => fc.integer({ min, max });
const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength }).filter((s) => s.length <= maxLength);
const supervised = fc.record({ steps: whole(0, 1e6), batch: whole(1, 4096), lr: real(0, 1), weightDecay: real(0, 1) });
const task = fc.oneof(
  fc.record({ kind: fc.constantFrom(...BUILTIN_KINDS) }),
  fc.record({ kind: fc.constantFrom(...BUILTIN_KINDS), window: whole(1, 64) }),
  fc.record({
    kind: fc.constant('code' as const),
    promptField: text(200),
    solutionField: text(200),
    maxTokens: whole(1, 8192),
    heldOut: real(0, 0.9),
    maxRows: whole(1, 1e6),
    suite: fc.constantFrom(...SUITES),
    testsField: text(200),
    setupField: text(200),
    entryPointField: text(200),
    verify: fc.boolean(),
    split: fc.constantFrom('rows' as const, 'dataset' as const),
    maxNewTokens: whole(1, 8192),
    deadlineMs: whole(1, 60_000),
  }),
  fc.record({
    kind: fc.constant('text' as const),
    field: text(200),
    maxTokens: whole(1, 8192),
    heldOut: real(0, 0.9),
    maxRows: whole(1, 1e6),
  }),
);
const orPreset = <T>(values: fc.Arbitrary<T>) => fc.oneof(fc.constant('preset' as const), values);
const anyRecipe: fc.Arbitrary<Recipe> = fc.record({
  version: fc.constant(1 as const),
  name: text(120),
  seed: whole(0, 0xffffffff),
  model: fc.constantFrom('embedded' as const, 'fresh' as const, 'dropped' as const),
  base: fc.record({
    steps: whole(0, 1e6),
    batch: whole(1, 4096),
    lr: real(0, 1),
    weightDecay: real(0, 1),
    matrixStd: real(0, 10),
    embeddingStd: real(0, 10),
  }),
  task,
  arms: fc.array(fc.constantFrom(...ARMS), { minLength: 1, maxLength: ARMS.length }),
  ra3: fc.record({
    emIterations: whole(0, 20),
    eSteps: whole(0, 1e5),
    programs: whole(1, 1024),
    group: whole(1, 128),
    lr: real(0, 1),
    kl: fc.constantFrom('penalty' as const, 'literal' as const),
    c: real(0, 1e9),
    alpha: real(0.01, 0.999999),
    tokenPenalty: real(0, 100),
    capPenalty: real(0, 100),
    eta: real(0, 10),
    gamma: real(0, 1),
    lengthNormalised: fc.boolean(),
    thinkFloor: real(0, 0.9),
    maxLatentTokens: whole(1, 64),
    infuse: whole(1, 1e6),
    infuseBestOf: whole(1, 64),
    objective: fc.constantFrom('policy-gradient' as const, 'importance-weighted' as const),
    separate: fc.boolean(),
    stopBelow: real(0, 100),
    m: supervised,
  }),
  ntp: supervised,
  rlvr: fc.record({
    preset: fc.constantFrom(...PRESETS),
    range: fc.constantFrom(...RANGES),
    steps: whole(0, 1e5),
    prompts: whole(1, 1024),
    group: whole(1, 128),
    lr: real(0, 1),
    updates: whole(1, 64),
    minibatches: whole(1, 64),
    clipNorm: real(0, 1e6),
    baseline: orPreset(fc.constantFrom(...OBJECTIVE.baseline)),
    scale: orPreset(fc.constantFrom(...OBJECTIVE.scale)),
    ratio: orPreset(fc.constantFrom(...OBJECTIVE.ratio)),
    clip: orPreset(fc.constantFrom(...OBJECTIVE.clip)),
    clipLow: orPreset(real(0, 1)),
    clipHigh: orPreset(real(0, 1000)),
    aggregation: orPreset(fc.constantFrom(...OBJECTIVE.aggregation)),
    kl: orPreset(fc.constantFrom(...OBJECTIVE.kl)),
    klPlace: orPreset(fc.constantFrom(...OBJECTIVE.klPlace)),
    klBeta: orPreset(real(0, 100)),
    entropyBonus: orPreset(real(0, 10)),
    dynamicSampling: orPreset(whole(0, 31)),
    overlong: orPreset(fc.constantFrom(...OBJECTIVE.overlong)),
    overlongWindow: real(0.001, 1),
  }),
  evaluate: fc.record({
    prompts: whole(1, 16384),
    samples: whole(1, 512),
    ranges: fc.array(fc.constantFrom(...RANGES), { minLength: 1, maxLength: 3 }),
  }),
});
/** With the settings that exclude each other put right. */
const recipe = anyRecipe.map((r): Recipe => {
  const weighted = r.ra3.objective === 'importance-weighted';
  const own = weighted ? { gamma: 1, lengthNormalised: false } : {};
  return { ...r, ra3: { ...r.ra3, infuseBestOf: Math.min(r.ra3.infuseBestOf, r.ra3.programs * r.ra3.group), ...own } };
});
const interval = fc.record({ mean: real(0, 1), lo: real(0, 1), hi: real(0, 1) });
const result: fc.Arbitrary<ArmResult> = fc.record({
  arm: fc.constantFrom(...ARMS),
  phase: fc.constantFrom('before' as const, 'after' as const),
  passAt: fc.dictionary(whole(1, 512).map(String), interval, { maxKeys: 12, noNullPrototype: true }),
  thinkRate: fc.double(),
  thinkByLine: fc.array(real(0, 1), { maxLength: 80 }),
  thoughtsPerProgram: real(0, 100),
  meanDuration: fc.option(fc.double()),
  contentRight: fc.option(real(0, 1)),
  heldOutNll: fc.option(fc.double()),
});
const curve = fc
  .record({ name: text(140), points: whole(0, 3000), seed: whole(0, 2 ** 31), scale: real(-1e31, 1e31), gaps: fc.boolean() })
  .map(({ name, points, seed, scale, gaps }) => {
    const noise = (i: number) => (Math.imul(i + seed, 2654435761) >>> 0) / 2 ** 32;
    const x = Array.from({ length: points }, (_, i) => i * (seed % 2 ? 1 : 0.37));
    return { name, x, y: x.map((_, i) => (gaps && noise(i + 7) > 0.9 ? null : noise(i) * scale)) };
  });
/** Steps that rise, with times and tokens that do not fall. */
const clock = fc
  .record({ name: text(140), points: whole(0, 1000), first: whole(0, 1000), ms: real(0, 1e6), seed: whole(0, 2 ** 31) })
  .map(({ name, points, first, ms, seed }) => {
    const x = Array.from({ length: points }, (_, i) => first + i);
    return { name, x, timeMs: x.map((_, i) => i * ms), tokens: x.map((_, i) => i * (seed % 100_000)) };
  });
const mark = whole(0, 0xffffffff);
const print = fc.stringMatching(/^[0-9a-f]{0,64}$/);
const digest = fc
  .array(mark, { maxLength: 64 })
  .chain((marks) => whole(marks.length, marks.length === 0 ? 0 : 1e9).map((count) => ({ count, marks })));
const environment = fc.record({
  adapter: fc.record({ vendor: text(120), architecture: text(120), description: text(120), software: fc.boolean() }),
  version: text(120),
  startedAt: text(120),
  parameters: whole(0, 1e12),
  inputs: fc.option(fc.record({ model: print, data: print })),
  digest: fc.option(digest),
});
const state: fc.Arbitrary<LinkState> = fc.record({
  recipe,
  environment: fc.option(environment),
  curves: fc.array(curve, { maxLength: 40 }),
  results: fc.array(result, { maxLength: 6 }),
  clocks: fc.array(clock, { maxLength: 12 }),
});

const SMALL: LinkState = {
  recipe: { ...LINK_BASE_V1, seed: 5, name: 'small', ra3: { ...LINK_BASE_V1.ra3, c: 0.1 } },
  curves: [{ name: 'rlvr/ra3/reward', x: [1, 2, 3, 4], y: [0.25, 0.5, null, 1] }],
  environment: null,
  results: [],
  clocks: [],
};

test('R23 any state makes a link of at most 8 KB that gives the recipe back exactly', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(state, async (drawn) => {
      const hash = await encodeLink(drawn);
      expect(hash.length).toBeLessThanOrEqual(MAX_LINK_CHARACTERS);
      expect(hash).toMatch(/^#v[123]\.[A-Za-z0-9_-]+$/);
      const back = await decodeLink(hash);
      // Minus zero is the one number that JSON does not keep.
      expect(back.recipe).toEqual(JSON.parse(JSON.stringify(drawn.recipe)));
      expect(back.environment).toEqual(drawn.environment);
      for (const { name, x, timeMs, tokens } of back.clocks) {
        const own = drawn.clocks.find((each) => each.name.slice(0, 120) === name && each.x[0] === x[0])!;
        expect([x.at(-1), timeMs.length, tokens.length]).toEqual([own.x.at(-1), x.length, x.length]);
      }
      expect(back.curves.length).toBeLessThanOrEqual(drawn.curves.length);
      for (const [i, { name, x, y }] of back.curves.entries()) {
        expect(name).toBe(drawn.curves[i]!.name.slice(0, 120));
        expect(y).toHaveLength(x.length);
      }
    }),
    { numRuns: 60 },
  );
});

test('R23 every changed character and every cut of a link is refused', async () => {
  const hash = await encodeLink(SMALL);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (let at = 1; at < hash.length; at++) {
    for (let bit = 0; bit < 6; bit++) {
      const place = alphabet.indexOf(hash[at]!);
      const flipped = place < 0 ? '!' : alphabet[place ^ (1 << bit)]!;
      await expect(decodeLink(hash.slice(0, at) + flipped + hash.slice(at + 1)), `${at} ${bit}`).rejects.toBeInstanceOf(LinkError);
    }
    await expect(decodeLink(hash.slice(0, at)), `cut at ${at}`).rejects.toBeInstanceOf(LinkError);
  }
});

test('R23 any text is read as a link or refused with LinkError', async () => {
  const hash = fc.oneof(
    fc.string(),
    fc.base64String().map((s) => `#v1.${s.replaceAll('=', '')}`),
  );
  await fc.assert(
    fc.asyncProperty(hash, async (drawn) => {
      await decodeLink(drawn).catch((error: unknown) => expect(error).toBeInstanceOf(LinkError));
    }),
    { numRuns: 500 },
  );
});

test('R22 a link of the first release means what it meant', async () => {
  expect(await decodeLink(OLD_LINKS[1])).toEqual(SMALL);
});
