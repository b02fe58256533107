// Run links: exact recipes, bounded length, and nothing but LinkError from what is damaged or hostile.
import { expect, test } from 'vitest';
import type { ArmResult } from '../../../src/run/events.ts';
import { CODE_DEFAULTS, type Recipe } from '../../../src/run/recipe.ts';
import { deflateRaw, inflateRaw } from '../../../src/share/compressed.ts';
import {
  type Clock,
  decodeLink,
  encodeLink,
  type LinkEnvironment,
  LinkError,
  type LinkState,
  MAX_LINK_CHARACTERS,
} from '../../../src/share/link.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import { bombLink, forgeLink, HOSTILE_CONTENTS, OLD_LINKS } from '../../support/hostileLinks.ts';

const result: ArmResult = {
  arm: 'ra3',
  phase: 'after',
  passAt: { 1: { mean: 0.5, lo: 0.4, hi: 0.6 }, 8: { mean: 0.75, lo: 0.7, hi: 0.8 } },
  thinkRate: 0.25,
  thinkByLine: [0, 0.5, 1],
  thoughtsPerProgram: 2,
  meanDuration: null,
  contentRight: 0.9,
  heldOutNll: 1.25,
};
const recipe: Recipe = {
  ...LINK_BASE_V1,
  name: 'Mine <b>',
  seed: 7,
  arms: ['ntp', 'ra3'],
  task: { kind: 'text', field: 'content', maxTokens: 256, heldOut: 0.1, maxRows: 100 },
  ra3: { ...LINK_BASE_V1.ra3, c: 0.1, m: { ...LINK_BASE_V1.ra3.m, steps: 3 } },
};
const state: LinkState = {
  recipe,
  environment: null,
  curves: [{ name: 'reward', x: [1, 2, 3], y: [0, null, 1] }],
  results: [result],
  clocks: [],
};

const environment: LinkEnvironment = {
  adapter: { vendor: 'google', architecture: 'swiftshader', description: 'SwiftShader Device', software: true },
  version: '0.1.0',
  startedAt: '2026-01-31T23:59:59.000Z',
  parameters: 21_000,
  inputs: { model: '0123456789abcdef', data: '' },
  digest: { count: 9, marks: [1, 0xffffffff, 3] },
};

async function refusal(hash: string): Promise<string> {
  const error = await decodeLink(hash).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return (error as LinkError).message;
}

test('R23 recipe, curves and results come back; a default recipe makes a short link', async () => {
  expect(await decodeLink(await encodeLink(state))).toEqual(state);
  const short = await encodeLink({ recipe: LINK_BASE_V1, environment: null, curves: [], results: [], clocks: [] });
  expect(short.length).toBeLessThan(60);
  expect(await decodeLink(short.slice(1))).toEqual({ recipe: LINK_BASE_V1, environment: null, curves: [], results: [], clocks: [] });
});

test('R23 where a run ran and its checksums come back by a link of version 2, of version 1 there is nothing to tell', async () => {
  const hash = await encodeLink({ ...state, environment });
  expect(hash).toMatch(/^#v2\./);
  expect(await decodeLink(hash)).toEqual({ ...state, environment });
  for (const part of [{ inputs: null }, { digest: null }, { digest: { count: 0, marks: [] } }]) {
    const other = { ...state, environment: { ...environment, ...part } };
    expect(await decodeLink(await encodeLink(other))).toEqual(other);
  }
  expect(await encodeLink(state)).toMatch(/^#v1\./);
});

test('R22 a link of version 2 means what it meant', async () => {
  expect(await decodeLink(OLD_LINKS[2])).toEqual({
    recipe: { ...LINK_BASE_V1, seed: 5 },
    environment,
    curves: [],
    results: [],
    clocks: [],
  });
});

test('R22 R23 the clocks of stages come back by a link of version 3, within their rounding; it means what it meant', async () => {
  const x = Array.from({ length: 300 }, (_, i) => i + 1);
  const clock: Clock = { name: 'rlvr ra3 ', x, timeMs: x.map((i) => 37.5 * i + (i % 7)), tokens: x.map((i) => 4096 * i) };
  const hash = await encodeLink({ ...state, environment, clocks: [clock, { ...clock, name: 'empty', x: [], timeMs: [], tokens: [] }] });
  expect(hash).toMatch(/^#v3\./);
  const back = await decodeLink(hash);
  expect(back).toEqual({ ...state, environment, clocks: [expect.objectContaining({ name: 'rlvr ra3 ' })] });
  const [own] = back.clocks;
  expect([own!.x[0], own!.x.at(-1)]).toEqual([1, 300]);
  for (const [i, step] of own!.x.entries()) {
    expect(Math.abs(own!.timeMs[i]! - clock.timeMs[step - 1]!)).toBeLessThan(20);
    expect(Math.abs(own!.tokens[i]! - clock.tokens[step - 1]!)).toBeLessThan(2000);
  }
  expect(await decodeLink(OLD_LINKS[3])).toEqual(back);
  const wrong = { n: 'rlvr ra3 ', k: 2, x: { a: 1, s: 1, d: 1 }, t: { a: 1, s: 1, d: -1 }, m: { a: 0, s: 1, d: 1 } };
  const forged = (k: unknown): Promise<string> => forgeLink(JSON.stringify({ r: {}, c: [], s: [], e: null, k }), undefined, 3);
  expect(await refusal(await forged([wrong]))).toContain('its times do not rise');
  expect((await decodeLink(await forged([{ ...wrong, t: wrong.m }]))).clocks).toHaveLength(1);
  for (const k of [null, [{ ...wrong, extra: 1 }], [{ ...wrong, x: wrong.t, t: wrong.m }], [{ ...wrong, k: 0 }]])
    await refusal(await forged(k));
});

test('links of many noisy curves stay within 8 KB and keep the shape of each', async () => {
  const noise = (i: number) => ((i * 2654435761) % 4294967296) / 4294967296;
  const curves = Array.from({ length: 40 }, (_, c) => {
    const x = Array.from({ length: 1000 }, (_, i) => i + 1);
    return { name: `e-step/ra3/${c}`, x, y: x.map((i) => Math.sin(i / 100) * 10 ** (c - 20) + noise(i * 40 + c) * 10 ** (c - 21)) };
  });
  const hash = await encodeLink({ ...state, curves });
  expect(hash.length).toBeLessThanOrEqual(MAX_LINK_CHARACTERS);
  const back = await decodeLink(hash);
  expect(back.curves).toHaveLength(40);
  for (const [c, curve] of back.curves.entries()) {
    const original = curves[c]!;
    const range = Math.max(...original.y) - Math.min(...original.y);
    expect([curve.x[0], curve.x.at(-1)]).toEqual([1, 1000]);
    expect(curve.x.length).toBeGreaterThanOrEqual(24);
    for (const [i, x] of curve.x.entries()) {
      expect(Number.isInteger(x)).toBe(true);
      expect(Math.abs(curve.y[i]! - original.y[x - 1]!)).toBeLessThan(range * 0.006);
    }
  }
});

test('more curves than fit are left out from the end, and the link says so by their number', async () => {
  const curves = Array.from({ length: 400 }, (_, c) => {
    const x = Array.from({ length: 50 }, (_, i) => i * 1.37);
    return { name: `a curve whose name is long ${c}`, x, y: x.map((i) => Math.sin(i * i + c)) };
  });
  const hash = await encodeLink({ ...state, curves });
  expect(hash.length).toBeLessThanOrEqual(MAX_LINK_CHARACTERS);
  const back = await decodeLink(hash);
  expect(back.curves.length).toBeGreaterThan(50);
  expect(back.curves.map((curve) => curve.name)).toEqual(curves.slice(0, back.curves.length).map((curve) => curve.name));
  expect(back.results).toEqual([result]);
});

test('gaps survive thinning and constants, infinities and single points are harmless', async () => {
  const x = Array.from({ length: 5000 }, (_, i) => i);
  const curves = [
    { name: 'gap', x, y: x.map((i) => (i === 1234 ? Number.NaN : i % 7)) },
    { name: 'constant', x, y: x.map(() => 0.123456789) },
    { name: 'infinite', x: [0, 1, 2], y: [Infinity, 1e300, 1] },
    { name: 'point', x: [5], y: [0.1] },
    { name: 'none', x: [], y: [] },
    { name: 'close', x: [0, 1], y: [1e6, 1e6 + 1e-4] },
  ];
  const back = (await decodeLink(await encodeLink({ ...state, curves }))).curves;
  expect(back[0]!.y.filter((value) => value === null)).toHaveLength(1);
  expect(back[1]!.y.every((value) => Math.abs(value! - 0.123456789) < 1e-6)).toBe(true);
  expect(back[2]!.y).toEqual([null, null, 1]);
  expect(back[3]).toEqual(curves[3]);
  expect(back[4]).toEqual(curves[4]);
  expect(back[5]!.y[1]! - back[5]!.y[0]!).toBeCloseTo(1e-4, 5);
});

test('agreement with the truth comes back, unknown or not, and results without it stay as they were', async () => {
  const results: ArmResult[] = [
    { ...result, agreement: { nmi: 0.5, ari: 0.25, boundaryF1: null } },
    { ...result, arm: 'ntp', agreement: null },
    { ...result, range: 'hard' },
  ];
  expect((await decodeLink(await encodeLink({ ...state, results }))).results).toEqual(results);
});

test('results whose numbers are not finite are left out', async () => {
  const broken = { ...result, thinkRate: Number.NaN };
  expect((await decodeLink(await encodeLink({ ...state, results: [broken, result] }))).results).toEqual([result]);
});

test('R19 a bomb stops at 256 KB inflated', async () => {
  const bomb = await bombLink();
  expect(bomb.length).toBeLessThan(65_536);
  const before = process.cpuUsage();
  expect(await refusal(bomb)).toBe(
    'This link cannot be opened: it unpacks to more than 256 KB. Check that it was copied whole, or ask for it again.',
  );
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(500);
  expect(await refusal(`#v1.${'A'.repeat(70_000)}`)).toContain('70004 characters');
});

test('R19 no more of a bomb is unpacked than what shows that it is one', async () => {
  const deflated = await deflateRaw(new Uint8Array(3_000_000));
  let wanted = 0;
  // whoever asks for bytes beyond is seen
  const watched = new Proxy(deflated, {
    get: (target, key) => {
      if (key !== 'subarray') return Reflect.get(target, key, target);
      return (from: number, to: number) => {
        wanted = Math.max(wanted, Math.min(to, target.length));
        return target.subarray(from, to);
      };
    },
  });
  expect(inflateRaw(watched, 256 * 1024)).toBe('too long');
  expect(wanted).toBeLessThan(1000);
  expect(inflateRaw(deflated, 3_000_000)).toHaveLength(3_000_000);
  expect(inflateRaw(deflated.subarray(0, -1), 3_000_000)).toBe('damaged');
});

test('R20 only what the schema knows is accepted, and no prototype changes', async () => {
  for (const json of HOSTILE_CONTENTS) await refusal(await forgeLink(json));
  await refusal(await forgeLink(new Uint8Array([0x22, 0xff, 0x22])));
  await refusal(await forgeLink('', new Uint8Array([7, 7, 7])));
  const e = '{"a":["","",""],"software":true,"v":"","t":"","p":1,"i":null,"d":null}';
  await decodeLink(await forgeLink(`{"r":{},"c":[],"s":[],"e":${e}}`, undefined, 2));
  for (const wrong of [
    '{}',
    'null',
    e.replace('"p":1', '"p":-1'),
    e.replace('"d":null', '"d":[0,"AAAAAA"]'),
    e.replace('"d":null', '"d":[9,"AAA"]'),
    e.replace('"d":null', '"d":[9,""]'),
    e.replace('"i":null', '"i":["<b>",""]'),
    e.replace('{', '{"extra":1,'),
  ])
    await refusal(await forgeLink(`{"r":{},"c":[],"s":[],"e":${wrong}}`, undefined, 2));
  await refusal(await forgeLink(`{"r":{},"c":[],"s":[],"e":${e}}`));
  await refusal(await forgeLink('{"r":{},"c":[],"s":[]}', undefined, 2));
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test('R20 what is said of a link names the place, what stands there and what may, and is short whatever the link holds', async () => {
  const of = async (json: string): Promise<string> =>
    /^This link cannot be opened: (.*)\. Check that/.exec(await refusal(await forgeLink(json)))![1]!;
  expect(await of('{"r":{},"c":[],"s":[],"extra":1}')).toBe('it has extra, which no link has');
  expect(await of('{"r":{},"c":[],"s":[{"arm":"x"}]}')).toMatch(/^its s\.0\.arm is "x", not \("base" \| "ntp"/);
  expect(await of('{"r":{},"c":[],"s":[{"arm":"ra3"}]}')).toBe('its s.0.phase is missing');
  expect(await of('{"r":{"seed":-1},"c":[],"s":[]}')).toBe('The recipe does not fit: seed: Invalid value: Expected >=0 but received -1');
  expect(await of('{"r":{"ra3":{"steps":1}},"c":[],"s":[]}')).toBe('its recipe sets "ra3.steps", as no recipe does');
  const long = 'k'.repeat(200_000);
  for (const json of [
    `{"r":{},"c":[],"s":[{"arm":"ra3","phase":"after","passAt":{"${long}":1}}]}`,
    `{"r":{},"c":[],"s":[{"arm":"${long}"}]}`,
    `{"r":{"${long}":1},"c":[],"s":[]}`,
    `{"r":{"model":"${long}"},"c":[],"s":[]}`,
    `{"${long}":1}`,
  ])
    expect((await of(json)).length).toBeLessThan(700);
});

test('R21 markup stays text', async () => {
  const markup = '<img src=x onerror=alert(1)>"\'&\u202e';
  const back = await decodeLink(
    await encodeLink({ ...state, recipe: { ...recipe, name: markup }, curves: [{ name: markup, x: [1], y: [1] }] }),
  );
  expect(back.recipe.name).toBe(markup);
  expect(back.curves[0]!.name).toBe(markup);
});

test('links of other versions and other hashes say what to do', async () => {
  expect(await refusal('#v4.AAAA')).toContain('version 4; this page reads versions 1 to 3. Reload');
  for (const hash of ['', '#', '#w1.AAAA', '#settings', 'v1', '#v1']) expect(await refusal(hash)).toContain('not a run link');
  for (const hash of ['#v1.', '#v1.A', '#v1.AAA', '#v1.AA==', '#v1.A A', '#v1.é'])
    expect(await refusal(hash)).toContain('cannot be opened');
});

test('a recipe that is all text still fits', async () => {
  const wild = (length: number, seed: number) =>
    String.fromCharCode(...Array.from({ length }, (_, i) => 0x4e00 + ((i * 7919 + seed * 104729) % 20_000)));
  const longest: Recipe = {
    ...recipe,
    name: wild(120, 1),
    task: {
      kind: 'code',
      ...CODE_DEFAULTS,
      promptField: wild(200, 2),
      solutionField: wild(200, 3),
      testsField: wild(200, 4),
      setupField: wild(200, 5),
      entryPointField: wild(200, 6),
      maxTokens: 100,
      heldOut: 0,
      maxRows: 1,
    },
  };
  const curves = [{ name: 'reward', x: [1, 2], y: [0.5, 0.25] }];
  const hash = await encodeLink({ recipe: longest, environment, curves, results: [result], clocks: [] });
  expect(hash.length).toBeLessThanOrEqual(MAX_LINK_CHARACTERS);
  expect((await decodeLink(hash)).recipe).toEqual(longest);
});
