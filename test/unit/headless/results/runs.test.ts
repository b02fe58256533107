// The verb: which runs are kept, which are run, several side by side, and what is refused.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { results } from '../../../../src/headless/results/results.ts';
import { findRun, type Run, runMissing, runName, runsOf } from '../../../../src/headless/results/runs.ts';
import { logText, makeStudy, STUDY, THEORY } from './syntheticLogs.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-results-'));
  mkdirSync(join(dir, 'recipes'));
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const put = (run: Pick<Run, 'dir'>, text: string) => {
  mkdirSync(run.dir, { recursive: true });
  writeFileSync(join(run.dir, 'log.jsonl'), text);
};
const runs = (change: object = {}, seeds?: number) => runsOf(makeStudy(change), join(dir, 'runs'), seeds);

describe('a run', () => {
  it('has a folder by study, variant and seed; all variants of a seed come before the next seed', () => {
    const vary = [
      { label: 'a', set: {} },
      { label: 'b', set: {} },
    ];
    expect(runs({ vary }, 2).map((run) => run.dir.slice(dir.length))).toEqual([
      '/runs/a-study/a/seed-1',
      '/runs/a-study/b/seed-1',
      '/runs/a-study/a/seed-2',
      '/runs/a-study/b/seed-2',
    ]);
    expect(runName(runs({ vary })[1]!)).toBe('a-study, b, seed 1');
    expect(runs()[2]!.recipe.seed).toBe(3);
  });

  it('is kept as long as its recipe is the study’s, whatever the study is called', () => {
    const [run] = runs() as [Run];
    expect(findRun(run)).toEqual({ why: 'it has not been run' });
    put(run, logText(run.recipe));
    expect(findRun(run)).toHaveProperty('log');
    expect(findRun(runs({ title: 'Another title' })[0]!)).toHaveProperty('log');
    const costly = runs({ recipe: { ...STUDY.recipe, set: { ...STUDY.recipe.set, 'ra3.c': 0.9 } } })[0]!;
    expect(findRun(costly)).toEqual({ why: 'it was run with another recipe' });
  });

  it('of a recipe without settings that came later is one of their defaults', () => {
    const [run] = runs() as [Run];
    const { infuseBestOf: _, ...ra3 } = run.recipe.ra3;
    put(run, logText({ ...run.recipe, ra3: ra3 as typeof run.recipe.ra3 }));
    expect(findRun(run)).toHaveProperty('log');
  });

  it('is not kept when it has not ended, failed or was stopped', () => {
    const [run] = runs() as [Run];
    put(run, '{"type":"sta');
    expect(findRun(run)).toEqual({ why: 'its log is not that of a run that has ended' });
    put(run, logText(run.recipe, { status: 'failed', error: 'lost' }));
    expect(findRun(run)).toEqual({ why: 'it failed', failed: 'lost' });
    put(run, logText(run.recipe, { status: 'stopped' }));
    expect(findRun(run)).toEqual({ why: 'it stopped' });
  });
});

describe('missing runs', () => {
  it('are run so many at a time, each once, the failed ones counted', async () => {
    let going = 0;
    let most = 0;
    const done: number[] = [];
    const said: string[] = [];
    const child = async (run: Run, say: (line: string) => void) => {
      most = Math.max(most, ++going);
      say('half way');
      await new Promise((resolve) => setTimeout(resolve, 5));
      going -= 1;
      done.push(run.seed);
      return run.seed === 2 ? 1 : 0;
    };
    const all = runs({ seeds: [1, 2, 3, 4, 5] });
    put(all[3]!, logText(all[3]!.recipe));
    expect(await runMissing(all, 2, child, (line) => said.push(line))).toBe(1);
    expect([most, done.sort()]).toEqual([2, [1, 2, 3, 5]]);
    expect(said[0]).toBe('5 runs, 1 there already, 4 to do.');
    expect(said).toContain('a-study, seed 1: half way');
    expect(said).toContain('a-study, seed 2: it did not finish (code 1).');
  });
});

describe('the verb', () => {
  const argv = (...more: string[]) => ['--recipes', join(dir, 'recipes'), '--out', join(dir, 'runs'), '--docs', join(dir, 'docs'), ...more];
  const write = (name: string, study: object) => writeFileSync(join(dir, 'recipes', `${name}.json`), JSON.stringify(study));
  const asked: string[] = [];
  const sources = (code: (run: Run) => number = () => 0) => ({
    theory: () => THEORY,
    child: async (run: Run) => {
      asked.push(runName(run));
      const status = code(run) === 0 ? 'finished' : 'failed';
      put(run, logText(run.recipe, { status, ...(status === 'failed' ? { error: 'the device is gone' } : {}) }));
      return code(run);
    },
  });
  const report = () => readFileSync(join(dir, 'docs', 'results.md'), 'utf8');
  beforeEach(() => {
    asked.length = 0;
    write('one', { ...STUDY, title: 'One' });
    write('two', { ...STUDY, title: 'Two' });
  });

  it('runs what is missing of the studies that are named, and none again; the report is of all', async () => {
    expect(await results(argv('--study', 'two', '--seeds', '1'), sources())).toBe(0);
    expect(asked).toEqual(['two, seed 1']);
    expect(await results(argv('--study', 'two', '--seeds', '2'), sources())).toBe(0);
    expect(asked).toEqual(['two, seed 1', 'two, seed 2']);
    expect(report()).toContain('## Two');
    expect(report()).toContain('## One');
    expect(report()).toContain('`npm run results -- --study one`');
  });

  it('takes away figures that it has no use for', async () => {
    await results(argv('--seeds', '1'), sources());
    expect(existsSync(join(dir, 'docs', 'figures', 'results', 'one-rlvr.svg'))).toBe(true);
    rmSync(join(dir, 'recipes', 'one.json'));
    await results(argv('--write-only'), sources());
    expect(existsSync(join(dir, 'docs', 'figures', 'results', 'one-rlvr.svg'))).toBe(false);
    expect(existsSync(join(dir, 'docs', 'figures', 'results', 'two-rlvr.svg'))).toBe(true);
  });

  it('goes on after a run that fails, says so, and ends with 1', async () => {
    expect(
      await results(
        argv('--study', 'one'),
        sources((run) => (run.seed === 2 ? 1 : 0)),
      ),
    ).toBe(1);
    expect(asked).toHaveLength(3);
    expect(report()).toContain('| seeds | 1, 3 |');
    expect(report()).toContain('**One**: the run of seed 2 failed: the device is gone');
  });

  it('refuses studies and words that it does not know before it runs anything', async () => {
    await expect(results(argv('--study', 'three'), sources())).rejects.toThrow('--study three is not known; there are one, two.');
    await expect(results(argv('--seeds', '0'), sources())).rejects.toThrow('--seeds is "0"');
    await expect(results(argv('--task', 'recall-lines'), sources())).rejects.toThrow("Unknown option '--task'");
    await expect(results(argv('--write-only'), sources())).rejects.toThrow('There is no finished run');
    write('two', { ...STUDY, sweep: 1 });
    await expect(results(argv(), sources())).rejects.toThrow(/two\.json: sweep/);
    rmSync(join(dir, 'recipes'), { recursive: true });
    await expect(results(argv(), sources())).rejects.toThrow('holds no study');
    expect(asked).toEqual([]);
  });
});
