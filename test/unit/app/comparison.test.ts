// Runs beside each other: groups over seeds, differences and nothing else, the table and what is copied of it, and the address.
import { describe, expect, it, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import {
  type ComparedRun,
  comparisonCsv,
  differencesOf,
  escapeLatex,
  groupsOf,
  keepCompared,
  latexOf,
  tableOf,
} from '../../../src/app/comparison.ts';
import type { LabState } from '../../../src/app/lab.ts';
import { chartKind } from '../../../src/app/runCharts.ts';
import { type Recipe, RunLog, WHOLE } from '../../../src/app/runLog.ts';
import { createView } from '../../../src/app/view.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';

function run(id: string, recipe: Partial<Recipe>, lengths: (number | null)[], tone = 0): ComparedRun {
  const log = new RunLog();
  log.append(lengths.map((value, i) => ({ type: 'metrics', stage: 'rlvr', arm: 'ra3', step: i + 1, values: { 'len/mean': value } })));
  return { id, name: id, tone, recipe: { ...LINK_BASE_V1, ...recipe }, log, cut: WHOLE };
}

const cheap = { ra3: { ...LINK_BASE_V1.ra3, c: 0.01 } };
const runs = [run('a', { seed: 1 }, [1, 2, 4]), run('b', { seed: 1, ...cheap }, [9], 12), run('c', { seed: 2, name: 'other' }, [5, 6])];

describe('groups', () => {
  it('are runs whose recipes differ in the seed alone, whatever they are called', () => {
    const groups = groupsOf(runs);
    expect(groups.map(({ label, seeds, tone, dash }) => [label, seeds, tone, dash])).toEqual([
      ['a, 2 seeds', [1, 2], 'run-0', false],
      ['b, seed 1', [1], 'run-2', true],
    ]);
    const twins = groupsOf([run('x', {}, [1]), run('x', cheap, [1])]);
    expect(twins.map(({ label }) => label)).toEqual(['x, seed 1', 'x, seed 1 (2)']);
  });

  it('differ in what differs and in nothing else', () => {
    expect(differencesOf(groupsOf(runs))).toEqual([{ path: 'ra3.c', values: ['0.05', '0.01'] }]);
    expect(differencesOf(groupsOf(runs.filter(({ id }) => id !== 'b')))).toEqual([]);
    expect(differencesOf([])).toEqual([]);
    const text: Recipe['task'] = { kind: 'text', field: 't', maxTokens: 8, heldOut: 0.1, maxRows: 9 };
    const tasks = differencesOf(groupsOf([run('x', {}, [1]), run('y', { task: text }, [1])]));
    expect(tasks.find(({ path }) => path === 'task.kind')!.values).toEqual(['recall-lines', 'text']);
    expect(tasks.find(({ path }) => path === 'task.field')!.values).toEqual(['', 't']);
  });
});

describe('the table', () => {
  const groups = groupsOf(runs);
  const rows = tableOf([chartKind('length')!, chartKind('kl')!], groups, 'ra3');

  it('has last, least and largest, over seeds the mean of the last with its t-interval', () => {
    expect(rows.map(({ quantity }) => quantity)).toEqual(['Length, tokens']);
    const [both, one] = rows[0]!.cells;
    expect([both!.last.mean, both!.min, both!.max, both!.last.n]).toEqual([5, 1, 6, 2]);
    expect(both!.last.half).toBeCloseTo(12.7062, 4);
    expect(one).toEqual({ last: { mean: 9, half: null, n: 1 }, min: 9, max: 9 });
  });

  it('is booktabs in LaTeX, escaped', () => {
    const latex = latexOf(rows, groups);
    expect(latex).toContain('\\begin{tabular}{lrrrr}\n\\toprule');
    expect(latex).toContain('\\multicolumn{2}{c}{a, 2 seeds}');
    expect(latex).toContain('Length, tokens & $5.000 \\pm 12.706$ & $[1.000, 6.000]$ & $9.000$ & $[9.000, 9.000]$ \\\\');
    expect(latex.trimEnd().endsWith('\\bottomrule\n\\end{tabular}')).toBe(true);
    expect(escapeLatex('50 % of a_b & {x} \\ # $ ~ ^ <i>')).toBe(
      '50 \\% of a\\_b \\& \\{x\\} \\textbackslash{} \\# \\$ \\textasciitilde{} \\textasciicircum{} \\textless{}i\\textgreater{}',
    );
  });

  it('is CSV with a line for each quantity and group; NaN is shown as such', () => {
    expect(comparisonCsv(rows, groups).split('\n')[2]).toBe('"Length, tokens","b, seed 1",1,9,,9,9');
    const gone = groupsOf([run('x', {}, [1, null])]);
    const [row] = tableOf([chartKind('length')!], gone, 'ra3');
    expect(row!.cells[0]!.last.mean).toBeNaN();
    expect(latexOf([row!], gone)).toContain('$\\mathrm{NaN}$');
  });
});

describe('compared runs in the address', () => {
  it('are written as they change, and compared once they are listed', () => {
    vi.useFakeTimers();
    const store = createStore(() => ({ runs: [], compared: [] }) as unknown as LabState);
    const asked: string[] = [];
    const toggleCompared = async (id: string) => {
      asked.push(id);
      store.setState((s) => ({ compared: [...s.compared, id] }));
    };
    let hash = '#view=1&runs=late';
    const view = createView({
      hash: () => hash,
      replace: (next) => {
        hash = next;
      },
    });
    keepCompared({ store, toggleCompared }, view);
    view.open(hash);
    expect(asked).toEqual([]);
    store.setState({ compared: ['x'] });
    vi.runAllTimers();
    expect(hash).toBe('#view=1&runs=x,late');
    store.setState({ runs: [{ id: 'late' }] as LabState['runs'] });
    expect(asked).toEqual(['late']);
    vi.runAllTimers();
    expect(hash).toBe('#view=1&runs=x,late');
    store.setState({ compared: [] });
    vi.runAllTimers();
    expect(hash).toBe('');
    vi.useRealTimers();
  });
});
