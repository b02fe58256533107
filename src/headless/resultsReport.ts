// docs/results.md and its figures, from the logs of finished runs alone: means over seeds with t-intervals, EM iteration by iteration, curves,
// every seed's numbers, what was run on and what was not run. Pure; the same logs give the same bytes. Refuses logs without start or end.
import { tInterval } from '../evaluate/tInterval.ts';
import type { ArmResult, Phase, RunEvent, RunSummary, Stage } from '../run/events.ts';
import { ARM_LABEL, ARMS, type Arm } from '../run/recipe.ts';
import { type ChartSeries, lineChart } from './lineChart.ts';
import { duration } from './summaryTable.ts';

type Start = Extract<RunEvent, { type: 'start' }>;
type MetricsEvent = Extract<RunEvent, { type: 'metrics' }>;

export interface SeedLog {
  start: Start;
  summary: RunSummary;
  events: readonly RunEvent[];
}

/** Runs of one task and preset that differ in their seeds alone, by seed. */
export interface ResultsGroup {
  task: 'recall-lines' | 'pointer-lines';
  preset: 'quick' | 'full';
  logs: readonly SeedLog[];
  /** What was found and not used, and why; one sentence each. */
  passedOver: readonly string[];
}

const TONE: Record<Arm, { color: string; dash: string }> = {
  base: { color: '#6b6963', dash: '2 2' },
  ntp: { color: '#b1500f', dash: '6 3' },
  ra3: { color: '#2a55c8', dash: '' },
  'ntp-compute': { color: '#8a6d1f', dash: '8 2 2 2' },
  oracle: { color: '#1f7a4d', dash: '4 2' },
  shuffled: { color: '#8c3f8f', dash: '1 3' },
  comments: { color: '#0e7490', dash: '10 4' },
};
const TASK_NAME = { 'recall-lines': 'Recall lines', 'pointer-lines': 'Pointer lines' } as const;
/** Steps that a curve is averaged over, to both sides together. */
const SMOOTHING = 5;
/** Steps at either end of a stage that a table's "first" and "last" average over. */
const EDGE = 5;
const NONE = '–';
/** Below this many thoughts per program, what the few thoughts are like is left out. */
const RARE_THOUGHTS = 0.01;
const OBJECTIVE = { drgrpo: 'Dr. GRPO' } as const;

/** Reads the lines of a log.jsonl. Throws when it is not the log of a run that has ended. */
export function readSeedLog(text: string): SeedLog {
  const events = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as RunEvent);
  const start = events.find((e) => e.type === 'start');
  const end = events.findLast((e) => e.type === 'end');
  if (!start || !end) throw new Error('It is not the log of a run that has ended.');
  return { start, summary: end.summary, events };
}

/** results.md and figures/*.svg by their names below docs/. */
export function resultsReport(groups: readonly ResultsGroup[]): Map<string, string> {
  const files = new Map<string, string>();
  const sections = groups.map((group) => groupSection(group, files));
  files.set(
    'results.md',
    [
      '# Results',
      'Written by `npm run results` from the logs of the runs named below; not edited by hand. Numbers are means over seeds ± half of the 95 % interval by Student’s t.',
      ...sections,
    ].join('\n\n') + '\n',
  );
  return files;
}

function groupSection(group: ResultsGroup, files: Map<string, string>): string {
  const { task, preset, logs } = group;
  const name = `${task}-${preset}`;
  const recipe = logs[0]!.start.recipe;
  const parts = [`## ${TASK_NAME[task]}, ${preset}`, facts(group), '### Arms', armTable(logs), differences(logs)];
  const rlvr = rlvrChart(group);
  if (rlvr) {
    files.set(`figures/${name}-rlvr.svg`, rlvr);
    parts.push(
      '### RLVR',
      `![Reward by RLVR step for the three arms](figures/${name}-rlvr.svg)`,
      `Mean reward of a step’s ${recipe.rlvr.prompts * recipe.rlvr.group} rollouts, running mean over ${SMOOTHING} steps; lines are means over seeds, bands reach from the lowest seed to the highest.`,
    );
  }
  const em = emTable(logs);
  if (em) parts.push('### EM, iteration by iteration', em);
  const think = thinkChart(group);
  if (think) {
    files.set(`figures/${name}-think.svg`, think);
    parts.push(`![Think rate over E-steps](figures/${name}-think.svg)`);
  }
  const byLine = byLineChart(group);
  if (byLine) {
    files.set(`figures/${name}-lines.svg`, byLine);
    parts.push(
      `![Think rate by line before RLVR](figures/${name}-lines.svg)`,
      'Think rate of each arm’s own rollouts by line, before RLVR. The figure of the E-steps is of q on expert programs, bands as above; q writes programs badly until the M-step has made it one network with π, so it is not evaluated as a generator.',
    );
  }
  parts.push('### Every seed', seedTable(logs), '### Read with care', notes(group));
  return parts.join('\n\n');
}

function facts({ task, preset, logs }: ResultsGroup): string {
  const { recipe, version, parameters } = logs[0]!.start;
  const { ra3 } = recipe;
  const adapters = [...new Set(logs.map((l) => adapterName(l.start)))];
  const days = [...new Set(logs.map((l) => l.start.startedAt.slice(0, 10)))].sort();
  const versions = [...new Set(logs.map((l) => l.start.version))].join(', ');
  const seeds = logs.map((l) => l.start.recipe.seed).join(', ');
  const rows = [
    ['command', `\`npm run results -- --task ${task} --preset ${preset} --seeds ${Math.max(...logs.map((l) => l.start.recipe.seed))}\``],
    ['seeds', seeds],
    ['adapter', adapters.join('; ')],
    [
      'time per run',
      `${duration(mean(logs.map((l) => l.summary.timeMs)))} (${Math.round(mean(logs.map((l) => l.summary.tokPerS))).toLocaleString('en-US')} tokens/s, sampled or trained on, evaluation included)`,
    ],
    ['date, version', `${days.length > 1 ? `${days[0]} to ${days.at(-1)}` : days[0]}, ${versions || version}`],
    ['model', `${parameters.toLocaleString('en-US')} parameters, ${recipe.model}`],
    [
      'RA3',
      `${ra3.emIterations} EM iterations; E: ${ra3.eSteps} steps of ${ra3.programs} programs × ${ra3.group} rollouts, lr ${ra3.lr}, ${ra3.kl === 'penalty' ? `c ${ra3.c}, η ${ra3.eta}` : `literal KL, α ${ra3.alpha}`}; infuse ${ra3.infuse}; M: ${ra3.m.steps} steps × ${ra3.m.batch}, lr ${ra3.m.lr}`,
    ],
    ['NTP', `${recipe.ntp.steps} steps × ${recipe.ntp.batch}, lr ${recipe.ntp.lr}`],
    [
      'RLVR',
      `${OBJECTIVE[recipe.rlvr.preset]}: ${recipe.rlvr.steps} steps of ${recipe.rlvr.prompts} prompts × ${recipe.rlvr.group} rollouts, lr ${recipe.rlvr.lr}`,
    ],
    ['evaluation', `${recipe.evaluate.prompts} held-out prompts × ${recipe.evaluate.samples} samples`],
  ];
  return table([['', ''], ...rows], 2);
}

function armTable(logs: readonly SeedLog[]): string {
  const rows = bothPhases().flatMap(({ arm, phase }) => {
    const results = logs.map((l) => resultOf(l, arm, phase)).filter((r) => r !== null);
    if (results.length === 0) return [];
    const over = (read: (r: ArmResult) => number | null, digits = 3): string => cell(results.map(read), digits);
    const most = Math.max(...results.flatMap((r) => Object.keys(r.passAt).map(Number)), 1);
    return [
      [
        `${ARM_LABEL[arm]} ${phase === 'before' ? '' : '+ RLVR'}`.trim(),
        over((r) => r.passAt['1']?.mean ?? null),
        over((r) => r.passAt[String(most)]?.mean ?? null),
        over((r) => r.thinkByLine[0] ?? null),
        over((r) => (r.thinkByLine.length > 1 ? mean(r.thinkByLine.slice(1)) : null)),
        over((r) => r.thoughtsPerProgram, 2),
        over((r) => (thinks(r) ? r.contentRight : null)),
        over((r) => (thinks(r) ? r.meanDuration : null), 2),
        over((r) => r.heldOutNll),
      ],
    ];
  });
  const k = Math.max(1, ...logs.flatMap((l) => l.summary.results.flatMap((r) => Object.keys(r.passAt).map(Number))));
  return table(
    [
      [
        'arm',
        'pass@1',
        `pass@${k}`,
        'thinks, line 1',
        'thinks, later lines',
        'thoughts per program',
        'content right',
        'duration, lines',
        'held-out NLL',
      ],
      ...rows,
    ],
    1,
  );
}

const thinks = (r: ArmResult): boolean => r.thoughtsPerProgram >= RARE_THOUGHTS;

/** RA3 against the other arms, seed by seed: what the seeds share cancels. */
function differences(logs: readonly SeedLog[]): string {
  const rows = (['base', 'ntp'] as const).flatMap((other) => {
    const difference = (phase: Phase): string =>
      cell(
        logs.map((l) => {
          const a = resultOf(l, 'ra3', phase)?.passAt['1'];
          const b = resultOf(l, other, phase)?.passAt['1'];
          return a && b ? a.mean - b.mean : null;
        }),
        3,
      );
    return [[`RA3 − ${ARM_LABEL[other]}`, difference('before'), difference('after')]];
  });
  return `Differences in pass@1, paired by seed:\n\n${table([['', 'before RLVR', 'after RLVR'], ...rows], 1)}`;
}

function emTable(logs: readonly SeedLog[]): string | null {
  const iterations = logs[0]!.start.recipe.ra3.emIterations;
  const rows: string[][] = [];
  for (let iteration = 1; iteration <= iterations; iteration++) {
    const edges = (stage: Stage, metric: string, digits: number): string => {
      const curves = logs.map((l) => metricCurve(l, stage, 'ra3', metric, iteration)).filter((c) => c.length > 0);
      if (curves.length === 0) return NONE;
      const first = cell(
        curves.map((c) => mean(c.slice(0, EDGE).map((p) => p.y))),
        digits,
      );
      const last = cell(
        curves.map((c) => mean(c.slice(-EDGE).map((p) => p.y))),
        digits,
      );
      return `${first} → ${last}`;
    };
    const shown = logs.map((l) => shownAfterMStep(l, iteration)).filter((s) => s !== null);
    rows.push([
      String(iteration),
      edges('e-step', 'think/per_program', 2),
      edges('e-step', 'nll/line', 3),
      edges('e-step', 'reward/line', 3),
      edges('e-step', 'segment/mean', 2),
      edges('m-step', 'loss/nll', 3),
      shown.length > 0 ? cell(shown, 2) : NONE,
    ]);
  }
  if (rows.length === 0) return null;
  const head = [
    'EM',
    'thoughts per program',
    'NLL of expert lines',
    'reward per line',
    'segment, lines',
    'M-step loss',
    'thoughts per program after the M-step',
  ];
  return `${table([head, ...rows], 1)}\n\nFirst → last: means of the first and last ${EDGE} steps of the E-step (of the M-step for its loss), q on expert programs. The last column counts thoughts on the shown held-out programs.`;
}

/** Thoughts per program on the few programs that a run shows after an M-step. */
function shownAfterMStep(log: SeedLog, iteration: number): number | null {
  const shown = log.events.find((e) => e.type === 'traces' && e.stage === 'm-step' && e.iteration === iteration);
  if (shown?.type !== 'traces' || shown.traces.length === 0) return null;
  return mean(shown.traces.map((t) => t.lines.filter((line) => line.thought !== null).length));
}

function seedTable(logs: readonly SeedLog[]): string {
  const columns = bothPhases().filter(({ arm, phase }) => logs.some((l) => resultOf(l, arm, phase)));
  const severalAdapters = new Set(logs.map((l) => adapterName(l.start))).size > 1;
  const head = [
    'seed',
    ...columns.map(({ arm, phase }) => `${ARM_LABEL[arm]}${phase === 'after' ? ' + RLVR' : ''}`),
    'RA3 thoughts per program',
    'time',
    'tokens/s',
    ...(severalAdapters ? ['adapter'] : []),
  ];
  const rows = logs.map((l) => [
    String(l.start.recipe.seed),
    ...columns.map(({ arm, phase }) => fixed(resultOf(l, arm, phase)?.passAt['1']?.mean ?? null, 3)),
    fixed(resultOf(l, 'ra3', 'before')?.thoughtsPerProgram ?? null, 2),
    duration(l.summary.timeMs),
    Math.round(l.summary.tokPerS).toLocaleString('en-US'),
    ...(severalAdapters ? [adapterName(l.start)] : []),
  ]);
  return `pass@1:\n\n${table([head, ...rows], 1)}`;
}

function notes({ task, logs, passedOver }: ResultsGroup): string {
  const { recipe } = logs[0]!.start;
  const list = [
    recipe.model === 'embedded'
      ? `All seeds start from the one shipped base model of ${TASK_NAME[task].toLowerCase()}: they vary programs (the held-out ones too), batches, thoughts and rollouts, and the intervals say nothing of how another base model would fare. A study with five bases is in [log.md](log.md).`
      : 'All seeds start from the one dropped model; the intervals say nothing of how another would fare.',
    `NTP gets as many updates as all M-steps together (${recipe.ntp.steps}), on the very programs of the first M-step, and none of the E-step’s compute. An arm with equal compute was not run.`,
    `Content and duration of thoughts are left out (${NONE}) for arms with fewer than ${RARE_THOUGHTS} thoughts per program.`,
    'Held-out NLL is over expert lines with the arm’s own thoughts, so arms that think differently are compared on different contexts.',
    `RLVR here is one objective (${OBJECTIVE[recipe.rlvr.preset]}) at one learning rate for all arms; none was tuned per arm.`,
    'Tasks and model are small and built so that the base lacks what a thought can supply. Nothing here is evidence about code models.',
  ];
  if (logs.length === 1) list.push('One seed alone: there are no intervals.');
  if (logs.every((l) => l.start.adapter.software))
    list.push('Run on a software adapter (a CPU): the times say nothing about a GPU, which was not used.');
  const versions = new Set(logs.map((l) => `${l.start.version} on ${adapterName(l.start)}`));
  if (versions.size > 1)
    list.push('The seeds were not all run with one version on one adapter; equal seeds give equal bits only where both are equal.');
  list.push(...passedOver);
  return list.map((line) => `- ${line}`).join('\n');
}

function rlvrChart({ task, preset, logs }: ResultsGroup): string | null {
  const series = ARMS.flatMap((arm) => {
    const curves = logs.map((l) => runningMean(metricCurve(l, 'rlvr', arm, 'reward/mean'), SMOOTHING)).filter((c) => c.length > 0);
    return curves.length > 0 ? [bandSeries(ARM_LABEL[arm], TONE[arm], curves)] : [];
  });
  if (series.length === 0) return null;
  return lineChart({
    title: `${TASK_NAME[task]}, ${preset}: reward in RLVR`,
    xLabel: 'RLVR step',
    yLabel: 'mean reward',
    yRange: [0, 1],
    series,
  });
}

function thinkChart({ task, preset, logs }: ResultsGroup): string | null {
  const steps = logs[0]!.start.recipe.ra3.eSteps;
  const iterations = logs[0]!.start.recipe.ra3.emIterations;
  const curves = logs
    .map((l) =>
      Array.from({ length: iterations }, (_, i) =>
        metricCurve(l, 'e-step', 'ra3', 'think/rate', i + 1).map((p) => ({ x: p.x + i * steps, y: p.y })),
      ).flat(),
    )
    .filter((c) => c.length > 0);
  if (curves.length === 0) return null;
  return lineChart({
    title: `${TASK_NAME[task]}, ${preset}: how often q thinks`,
    xLabel: 'E-step (M-steps lie between the EM iterations)',
    yLabel: 'thoughts per line',
    yRange: [0, Math.min(1, Math.max(0.1, Math.ceil(10 * Math.max(...curves.flat().map((p) => p.y))) / 10))],
    series: [bandSeries('q on expert programs', TONE.ra3, curves)],
    dividers: Array.from({ length: iterations }, (_, i) => ({ x: i * steps + 1, label: `EM ${i + 1}` })),
  });
}

function byLineChart({ task, preset, logs }: ResultsGroup): string | null {
  const series = ARMS.flatMap((arm) => {
    const curves = logs
      .map((l) => resultOf(l, arm, 'before'))
      .filter((r) => r !== null)
      .map((r) => r.thinkByLine.map((y, i) => ({ x: i + 1, y })))
      .filter((c) => c.length > 0);
    return curves.length > 0 ? [bandSeries(ARM_LABEL[arm], TONE[arm], curves)] : [];
  });
  if (series.length === 0) return null;
  return lineChart({
    title: `${TASK_NAME[task]}, ${preset}: where the arms think`,
    xLabel: 'line of the program',
    yLabel: 'think rate',
    yRange: [0, 1],
    series,
  });
}

interface Point {
  x: number;
  y: number;
}

/** Mean over the curves at each x that any has, and their lowest and highest. */
export function bandSeries(label: string, tone: { color: string; dash: string }, curves: readonly (readonly Point[])[]): ChartSeries {
  const at = new Map<number, number[]>();
  for (const curve of curves) for (const { x, y } of curve) at.set(x, [...(at.get(x) ?? []), y]);
  const x = [...at.keys()].sort((a, b) => a - b);
  const values = x.map((key) => at.get(key)!);
  return {
    label,
    ...tone,
    x,
    mean: values.map(mean),
    lo: values.map((v) => Math.min(...v)),
    hi: values.map((v) => Math.max(...v)),
  };
}

/** Each point becomes the mean of those up to half the window away on either side. */
export function runningMean(points: readonly Point[], window: number): Point[] {
  const half = Math.floor(window / 2);
  return points.map(({ x }, i) => ({ x, y: mean(points.slice(Math.max(0, i - half), i + half + 1).map((p) => p.y)) }));
}

/** A metric of a stage by step; values that were not finite are left out. */
function metricCurve(log: SeedLog, stage: Stage, arm: Arm, metric: string, iteration?: number): Point[] {
  return log.events
    .filter((e): e is MetricsEvent => e.type === 'metrics' && e.stage === stage && e.arm === arm && e.iteration === iteration)
    .flatMap((e) => {
      const y = e.values[metric];
      return typeof y === 'number' ? [{ x: e.step, y }] : [];
    });
}

function resultOf(log: SeedLog, arm: Arm, phase: Phase): ArmResult | null {
  return log.summary.results.find((r) => r.arm === arm && r.phase === phase) ?? null;
}

function bothPhases(): { arm: Arm; phase: Phase }[] {
  return (['before', 'after'] as const).flatMap((phase) => ARMS.map((arm) => ({ arm, phase })));
}

function adapterName({ adapter }: Start): string {
  const name = adapter.description || [adapter.vendor, adapter.architecture].filter(Boolean).join(' ') || 'unknown';
  return adapter.software ? `${name} (software)` : name;
}

/** Mean ± half of the interval; the seeds that have the number are counted when not all do. */
export function cell(values: readonly (number | null)[], digits: number): string {
  const known = values.filter((v) => v !== null);
  if (known.length === 0) return NONE;
  const { mean: m, half } = tInterval(known);
  const count = known.length < values.length ? ` (n = ${known.length})` : '';
  return `${fixed(m, digits)}${half === null ? '' : ` ± ${fixed(half, digits)}`}${count}`;
}

/** Rows of cells as a Markdown table; the first is the head. Columns after the first `left` ones end at the right. */
export function table([head = [], ...rows]: readonly string[][], left: number): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i < left ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function fixed(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? NONE : value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1');
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
