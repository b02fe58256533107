// Python problems from recipe to evaluated bundle, with a real model and the real sandbox, from the command line: twice, bit for bit the same. In the tab
// they are study.test.ts's.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensurePage } from '../../scripts/build.mjs';
import { main } from '../../src/headless/lab.ts';
import type { ArmResult, RunEvent } from '../../src/run/events.ts';
import { presetRecipe } from '../../src/run/presets.ts';
import { CODE_DEFAULTS, type Recipe } from '../../src/run/recipe.ts';
import type { SampleRow } from '../../src/run/verified.ts';
import { samples } from './support/labBrowser.ts';

const MODEL = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((name) => `models/stories260K/${name}`);
const model = samples(...MODEL);

/** In the shape and the split of MBPP, with one answer to all: a model of any size can learn it. */
const ROWS = [601, 602, 603, 604, 11, 12].map((task_id) => ({
  task_id,
  text: `Say ${task_id}.`,
  code: 'def f(x):\r\n  # back\r\n  return x',
  test_list: [`assert f(${task_id}) == ${task_id}`, 'assert f("a") == "a"'],
  test_setup_code: '',
  challenge_test_list: [],
}));
const JSONL = ROWS.map((row) => JSON.stringify(row)).join('\n');

const START = presetRecipe('recall-lines', 'quick');
const LEARN = { steps: 24, batch: 4, lr: 4e-3, weightDecay: 0 };
const RECIPE: Recipe = {
  ...START,
  name: 'own problems',
  model: 'dropped',
  task: {
    ...CODE_DEFAULTS,
    kind: 'code',
    suite: 'mbpp',
    split: 'dataset',
    verify: true,
    promptField: 'text',
    solutionField: 'code',
    maxTokens: 128,
    maxNewTokens: 24,
    heldOut: 0,
    maxRows: 100,
  },
  arms: ['ra3', 'comments'],
  ra3: {
    ...START.ra3,
    emIterations: 1,
    eSteps: 2,
    programs: 2,
    group: 2,
    lr: 1e-4,
    thinkFloor: 0.2,
    maxLatentTokens: 3,
    infuse: 8,
    m: LEARN,
  },
  ntp: LEARN,
  rlvr: { ...START.rlvr, steps: 2, prompts: 2, group: 4, lr: 1e-3 },
  evaluate: { prompts: 2, samples: 4, ranges: ['in'] },
};

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-python-'));
  writeFileSync(join(dir, 'rows.jsonl'), JSONL);
  writeFileSync(join(dir, 'recipe.json'), JSON.stringify(RECIPE));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const eventsOf = (log: string): RunEvent[] =>
  log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
const resultsOf = (log: RunEvent[]): ArmResult[] => log.flatMap((e) => (e.type === 'end' ? e.summary.results : []));
const problemsOf = (log: RunEvent[]): string[] => log.flatMap((e) => (e.type === 'notice' && e.level !== 'info' ? [e.message] : []));

/** Everything but times, and the notice that holds some. */
const withoutTimes = (log: string): string[] =>
  log
    .split('\n')
    .filter((line) => !line.includes('Longest GPU submission'))
    .map((line) => line.replace(/"(time\/\w+|timeMs|tok_per_s|tokPerS|startedAt)":("[^"]*"|[^,}]+)/g, ''));

describe.runIf(model)('a run on Python problems from the command line', () => {
  async function run(name: string): Promise<string> {
    const out = join(dir, name);
    let stderr = '';
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((stderr += text)));
    try {
      const args = ['run', join(dir, 'recipe.json'), '--model', join(model![0]!, '..'), '--data', join(dir, 'rows.jsonl'), '--out', out];
      expect(await main(args, { ensurePage }), stderr).toBe(0);
    } finally {
      vi.restoreAllMocks();
    }
    return out;
  }

  it('goes from a recipe to an evaluated bundle, twice the same', { timeout: 600_000 }, async () => {
    const out = await run('first');
    const text = readFileSync(join(out, 'log.jsonl'), 'utf8');
    const log = eventsOf(text);
    expect(problemsOf(log)).toEqual([]);
    const results = resultsOf(log);
    expect(results.map((r) => `${r.arm} ${r.phase}`)).toEqual(['ra3 before', 'comments before', 'ra3 after', 'comments after']);
    // four of the six problems have the held-out ones' answer: it is learned
    for (const { arm, phase, passAt } of results) if (phase === 'before') expect(passAt['4']!.mean, arm).toBeGreaterThan(0);
    expect(results[1]!.thinkRate, 'thoughts of the arm that learned from comments').toBeGreaterThan(0);

    const rows = readFileSync(join(out, 'samples', 'comments-before.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as SampleRow);
    expect(rows.map((row) => row.task_id)).toEqual(['11', '11', '11', '11', '12', '12', '12', '12']);
    expect(rows.filter((row) => row.passed).length / rows.length).toBeCloseTo(results[1]!.passAt['1']!.mean, 12);
    for (const { passed, completion, tests } of rows) {
      expect(tests.map(({ ok }) => ok === true).every(Boolean)).toBe(passed);
      if (passed) expect(completion.replace(/^#.*\n/gm, '')).toMatch(/^def f\(x\):\n +return x/);
    }
    const steps = log.flatMap((e) => (e.type === 'metrics' && e.stage === 'rlvr' ? [e.values] : []));
    expect(steps).toHaveLength(4);
    for (const values of steps) {
      expect(values['sampler/logp_diff_max']).toBeLessThan(1e-3);
      expect(values['verify/timeouts']).toBe(0);
    }
    expect(steps.some((values) => values['group/frac_mixed']! > 0)).toBe(true);

    const again = await run('again');
    expect(withoutTimes(readFileSync(join(again, 'log.jsonl'), 'utf8'))).toEqual(withoutTimes(text));
    for (const file of [
      'model/ra3/model.safetensors',
      'model/comments/model.safetensors',
      'samples/ra3-after.jsonl',
      'traces.jsonl',
      'traces.parquet',
    ])
      expect(readFileSync(join(again, file)).equals(readFileSync(join(out, file))), file).toBe(true);
  });
});
