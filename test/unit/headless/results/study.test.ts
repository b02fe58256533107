// Studies as data: what a file of recipes/ becomes, and what is refused.
import { describe, expect, it } from 'vitest';
import { readStudies } from '../../../../src/headless/results/results.ts';
import { parseStudy, sweepOf } from '../../../../src/headless/results/study.ts';
import { ROOT } from '../../../../scripts/paths.mjs';

const GOOD = {
  title: 'A study',
  about: 'What it is.',
  seeds: [1, 2],
  recipe: { preset: 'recall-lines/quick', set: { 'ra3.c': 0.3, arms: ['base', 'ntp', 'ra3'] } },
  vary: [
    { label: 'c 0.05', set: { 'ra3.c': 0.05 } },
    { label: 'c 0.5', set: { 'ra3.c': 0.5 } },
  ],
  expect: [{ metric: 'ra3.before.pass@1', atLeast: 0.9, variant: 'c 0.5' }],
};
const parse = (change: object) => parseStudy('a-study', 'recipes/a-study.json', JSON.stringify({ ...GOOD, ...change }));

describe('a study', () => {
  it('is a preset with its settings, varied, with a fresh base for every seed', () => {
    const study = parse({});
    expect(study.variants.map(({ label, folder, recipe }) => [label, folder, recipe.ra3.c, recipe.name, recipe.model])).toEqual([
      ['c 0.05', 'c-0.05', 0.05, 'A study, c 0.05', 'fresh'],
      ['c 0.5', 'c-0.5', 0.5, 'A study, c 0.5', 'fresh'],
    ]);
    expect(study.variants[0]!.recipe.seed).toBe(1);
    expect(study.bars).toHaveLength(1);
    expect(study.bars[0]!.variant).toBe(study.variants[1]);
  });

  it('has one variant without a label where it varies nothing', () => {
    const { variants } = parse({ vary: undefined, expect: [] });
    expect(variants.map(({ label, folder, recipe }) => [label, folder, recipe.ra3.c])).toEqual([['', 'all', 0.3]]);
  });

  it('may start from the shipped base', () => {
    expect(parse({ model: 'embedded' }).variants[0]!.recipe.model).toBe('embedded');
    expect(() => parse({ model: 'dropped' })).toThrow('recipes/a-study.json: model');
  });

  it('may give a whole recipe', () => {
    const { recipe } = parse({}).variants[0]!;
    expect(parse({ recipe, vary: undefined, expect: [] }).variants[0]!.recipe).toEqual({ ...recipe, name: 'A study' });
  });

  it('is a sweep where all variants set one and the same number', () => {
    expect(sweepOf(parse({}))).toEqual({ path: 'ra3.c', values: [0.05, 0.5] });
    expect(sweepOf(parse({ vary: [GOOD.vary[0], { label: 'both', set: { 'ra3.c': 1, 'ra3.eta': 0 } }], expect: [] }))).toBeNull();
    expect(sweepOf(parse({ vary: undefined, expect: [] }))).toBeNull();
  });
});

describe('a study is refused', () => {
  const bar = (given: object) => () => parse({ expect: [given] });

  it.each<[string, () => unknown, string]>([
    ['unknown keys', () => parse({ sed: [1] }), 'recipes/a-study.json: sed'],
    ['no seeds', () => parse({ seeds: [] }), 'seeds:'],
    ['a seed twice', () => parse({ seeds: [1, 1] }), 'one of them is there twice'],
    ['another task', () => parse({ recipe: { preset: 'sums/full' } }), 'recipe.preset is "sums/full"; it is TASK/quick or TASK/full'],
    ['a key beside the preset', () => parse({ recipe: { preset: 'recall-lines/full', c: 1 } }), 'c: '],
    [
      'a setting that no recipe has',
      () => parse({ vary: [{ label: 'x', set: { 'ra3.cc': 1 } }], expect: [] }),
      'variant "x": The recipe does not fit: ra3.cc',
    ],
    [
      'a path through a number',
      () => parse({ vary: [{ label: 'x', set: { 'ra3.c.d': 1 } }], expect: [] }),
      'the recipe has no fields at "c"',
    ],
    [
      'a path to nothing',
      () => parse({ vary: [{ label: 'x', set: { '__proto__.c': 1 } }], expect: [] }),
      'the recipe has no fields at "__proto__"',
    ],
    ['a value out of range', () => parse({ vary: [{ label: 'x', set: { 'ra3.c': -1 } }], expect: [] }), 'ra3.c'],
    [
      'a seed as a setting',
      () => parse({ vary: [{ label: 'x', set: { seed: 3 } }], expect: [] }),
      'name, seed and model are the study’s own',
    ],
    [
      'labels of one folder',
      () => parse({ vary: [GOOD.vary[0], { label: 'C 0.05', set: {} }], expect: [] }),
      'two labels give the folder "c-0.05"',
    ],
    ['a metric of no run', bar({ metric: 'ra3.before.score', atLeast: 1 }), 'expect.0: "ra3.before.score" names no number'],
    [
      'an arm that is not run',
      bar({ metric: 'oracle.before.pass@1', atLeast: 1 }),
      'the recipe does not run the arm oracle; it runs base, ntp, ra3',
    ],
    ['a range that is not evaluated', bar({ metric: 'ra3.before.hard.pass@1', atLeast: 1 }), 'does not evaluate the range hard'],
    ['more samples than there are', bar({ metric: 'ra3.before.pass@16', atLeast: 1 }), 'pass@16 needs 16 samples; the recipe has 8'],
    ['an EM iteration too many', bar({ metric: 'em.3.think/rate', atLeast: 1 }), 'the recipe has 2 EM iterations'],
    ['a bar without a limit', bar({ metric: 'ra3.before.pass@1' }), 'a bar has either atLeast and atMost'],
    ['a bar of two sorts', bar({ metric: 'ra3.before.pass@1', atLeast: 1, beats: 'ntp.before.pass@1' }), 'a bar has either'],
    [
      'every seed of a comparison',
      bar({ metric: 'ra3.before.pass@1', beats: 'ntp.before.pass@1', everySeed: true }),
      'everySeed goes with',
    ],
    [
      'a variant that is not there',
      bar({ metric: 'ra3.before.pass@1', atLeast: 1, variant: 'c 3' }),
      'there is no variant "c 3"; there are "c 0.05", "c 0.5"',
    ],
  ])('for %s', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('for what is not JSON, and for its name', () => {
    expect(() => parseStudy('x', 'recipes/x.json', '{')).toThrow('recipes/x.json is not JSON');
    expect(() => parseStudy('X y', 'recipes/X y.json', JSON.stringify(GOOD))).toThrow('lower case with hyphens');
  });
});

describe('the studies of this repository', () => {
  it('are well formed', () => {
    const studies = readStudies(`${ROOT}/recipes`);
    expect(studies.map((study) => study.name)).toContain('recall-lines');
    for (const study of studies) expect(study.seeds.length, study.name).toBeGreaterThanOrEqual(5);
  });
});
