// Runs beside each other: which of them differ in the seed alone, in what the others' recipes differ, and a table of what each reached. Pure but for
// keepCompared, which keeps the compared runs in the page's address.
// Promises that a group over seeds is one column with its mean and 95 % interval by Student's t, and that what is copied is escaped for where it goes.
// Refuses nothing; a number that a run does not have is left blank.
import { type SeedMean, tInterval } from '../evaluate/tInterval.ts';
import { recipeDifference } from '../share/recipeDifference.ts';
import { cell } from './chartFiles.ts';
import type { Lab } from './lab.ts';
import { type ChartKind, type RunGroup, type Source, valuesOf } from './runCharts.ts';
import { type Arm, type Recipe, WHOLE } from './runLog.ts';
import type { RunEntry } from './runs.ts';
import type { ViewStore } from './view.ts';

export interface ComparedRun extends Source, Pick<RunEntry, 'id' | 'name' | 'tone' | 'recipe'> {}

export interface Group extends RunGroup {
  /** Of its first run. */
  recipe: Recipe;
  seeds: number[];
}

/** In the order of their first runs. Names apart, runs of one group have equal recipes but for the seed. */
export function groupsOf(runs: readonly ComparedRun[]): Group[] {
  const groups = new Map<string, ComparedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(sorted({ ...run.recipe, seed: 0, name: '' }));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const labels = new Map<string, number>();
  return [...groups.values()].map((members): Group => {
    const [first] = members as [ComparedRun, ...ComparedRun[]];
    const seeds = members.map(({ recipe }) => recipe.seed);
    const own = members.length > 1 ? `${first.name}, ${members.length} seeds` : `${first.name}, seed ${seeds[0]}`;
    const before = labels.get(own) ?? 0;
    labels.set(own, before + 1);
    return {
      label: before > 0 ? `${own} (${before + 1})` : own,
      tone: `run-${first.tone % 10}`,
      dash: first.tone % 20 >= 10,
      runs: members,
      recipe: first.recipe,
      seeds,
    };
  });
}

/** Keys in one order, so that equal recipes are written equally. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

export interface Difference {
  path: string;
  /** As JSON, one for each group; '' where a recipe has no such setting. */
  values: string[];
}

/** The settings in which the groups' recipes differ, by path; nothing else. */
export function differencesOf(groups: readonly Group[]): Difference[] {
  const [first, ...others] = groups.map(({ recipe }) => ({ ...recipe, seed: 0, name: '' }) as Record<string, unknown>);
  if (!first) return [];
  const paths = new Set(others.flatMap((other) => [...leaves(recipeDifference(first, other)), ...leaves(recipeDifference(other, first))]));
  return [...paths].sort().map((path) => ({
    path,
    values: groups.map(({ recipe }) => {
      const value = path.split('.').reduce<unknown>((tree, key) => (tree as Record<string, unknown> | undefined)?.[key], recipe);
      return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
    }),
  }));
}

function leaves(tree: Record<string, unknown>, above = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? leaves(value as Record<string, unknown>, `${above}${key}.`)
      : [`${above}${key}`],
  );
}

export interface Reached {
  /** Over seeds: the mean of the last values, with its interval. */
  last: SeedMean;
  /** Of all values of all seeds. */
  min: number;
  max: number;
}

export interface Row {
  quantity: string;
  /** One for each group; null where none of its runs has the number. */
  cells: (Reached | null)[];
}

/** What each group reached in what the charts show, for one arm. */
export function tableOf(kinds: readonly ChartKind[], groups: readonly Group[], arm: Arm): Row[] {
  const rows = kinds.map((kind): Row => ({ quantity: kind.title, cells: groups.map(({ runs }) => reached(kind, runs, arm)) }));
  return rows.filter(({ cells }) => cells.some((each) => each !== null));
}

function reached(kind: ChartKind, runs: readonly Source[], arm: Arm): Reached | null {
  const lasts: number[] = [];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const run of runs) {
    const line = valuesOf(kind, run, arm);
    if (!line) continue;
    const { track, length } = line;
    const extent = track.y.extent(0, length);
    min = Math.min(min, extent.min);
    max = Math.max(max, extent.max);
    lasts.push(track.y.at[length - 1]!);
  }
  return lasts.length > 0 ? { last: tInterval(lasts), min, max } : null;
}

/** The table for a paper, with booktabs. */
export function latexOf(rows: readonly Row[], groups: readonly Group[]): string {
  const heads = groups.map(({ label }) => `\\multicolumn{2}{c}{${escapeLatex(label)}}`);
  const rules = groups.map((_, i) => `\\cmidrule(lr){${2 * i + 2}-${2 * i + 3}}`);
  const body = rows.map(({ quantity, cells }) => [escapeLatex(quantity), ...cells.flatMap(latexCells)].join(' & '));
  return [
    '% \\usepackage{booktabs}',
    `\\begin{tabular}{l${'rr'.repeat(groups.length)}}`,
    '\\toprule',
    ` & ${heads.join(' & ')} \\\\`,
    rules.join(' '),
    ` & ${groups.map(() => 'last & range').join(' & ')} \\\\`,
    '\\midrule',
    ...body.map((row) => `${row} \\\\`),
    '\\bottomrule',
    '\\end{tabular}',
    '',
  ].join('\n');
}

function latexCells(of: Reached | null): [string, string] {
  if (!of) return ['--', '--'];
  const { last, min, max } = of;
  const half = last.half === null ? '' : ` \\pm ${latexNumber(last.half)}`;
  return [`$${latexNumber(last.mean)}${half}$`, min > max ? '--' : `$[${latexNumber(min)}, ${latexNumber(max)}]$`];
}

function latexNumber(value: number): string {
  if (!Number.isFinite(value)) return '\\mathrm{NaN}';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [digits, power] = value.toExponential(2).split('e');
    return `${digits} \\times 10^{${Number(power)}}`;
  }
  return value.toFixed(size >= 100 ? 1 : 3);
}

const LATEX: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
};

export function escapeLatex(text: string): string {
  return text.replace(/[\\~^<>&%$#_{}]/g, (c) => LATEX[c] ?? `\\${c}`).replace(/[\r\n]+/g, ' ');
}

/** One line for each quantity and group. */
export function comparisonCsv(rows: readonly Row[], groups: readonly Group[]): string {
  const lines = rows.flatMap(({ quantity, cells }) =>
    groups.flatMap(({ label, seeds }, i) => {
      const of = cells[i];
      if (!of) return [];
      const numbers = [of.last.mean, of.last.half ?? '', of.min, of.max].map(String);
      return [[cell(quantity), cell(label), cell(seeds.join(' ')), ...numbers].join(',')];
    }),
  );
  return `${['quantity,run,seeds,last mean,last half width of 95 % interval,min,max', ...lines].join('\n')}\n`;
}

/** The compared runs of a lab stand in the page's address; those of an opened address are compared as soon as they are listed. */
export function keepCompared(lab: Pick<Lab, 'store' | 'toggleCompared'>, view: ViewStore): void {
  /** Named by the address, and not listed yet. */
  let awaited: string[] = [];
  let writing = false;
  const meet = (): void => {
    const { runs, compared } = lab.store.getState();
    const ready = awaited.filter((id) => runs.some((run) => run.id === id));
    if (ready.length === 0) return;
    awaited = awaited.filter((id) => !ready.includes(id));
    for (const id of ready) if (!compared.includes(id)) void lab.toggleCompared(id);
  };
  view.store.subscribe(({ compared }, before) => {
    if (compared === before.compared || writing) return;
    awaited = compared.filter((id) => !lab.store.getState().compared.includes(id));
    meet();
  });
  lab.store.subscribe(({ runs, compared }, before) => {
    if (runs !== before.runs) meet();
    if (compared === before.compared) return;
    writing = true;
    view.set({ compared: [...compared, ...awaited] });
    writing = false;
  });
}

/** The runs shown together, the shown one first; null for those whose log is not in memory. */
export function comparedRuns(
  lab: Pick<Lab, 'logOf'>,
  { runs, shownId, compared, cut }: { runs: readonly RunEntry[]; shownId: string | null; compared: readonly string[]; cut: number },
): ComparedRun[] {
  return [...new Set([...(shownId ? [shownId] : []), ...compared])].flatMap((id) => {
    const entry = runs.find((run) => run.id === id);
    const log = lab.logOf(id);
    return entry && log ? [{ id, name: entry.name, tone: entry.tone, recipe: entry.recipe, log, cut: id === shownId ? cut : WHOLE }] : [];
  });
}
