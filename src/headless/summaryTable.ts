// The closing table of a run as text: pass@k with intervals for every arm before and after RLVR and on every range, think rates, agreement, speed. Pure; numbers that a
// run does not have are shown as a dash.
import type { ArmResult, Interval, Phase, RunSummary } from '../run/events.ts';
import { ARM_LABEL, ARMS, RANGES } from '../run/recipe.ts';

const PHASE_NAMES: Record<Phase, string> = { before: 'before RLVR', after: 'after RLVR' };
const NONE = '-';

/** The table with its head, a blank line, and one line on speed. Ends without a newline. */
export function summaryTable(summary: RunSummary): string {
  const results = [...summary.results].sort(byPhaseRangeArm);
  const ks = [...new Set(results.flatMap((r) => Object.keys(r.passAt)))].sort((a, b) => Number(a) - Number(b));
  const ranged = results.some((r) => r.range);
  const agreed = results.some((r) => r.agreement);
  const head = [
    'arm',
    'phase',
    ...(ranged ? ['range'] : []),
    ...ks.map((k) => `pass@${k} [95 %]`),
    'think rate',
    'thoughts/program',
    'duration',
    'content right',
    'held-out NLL',
    ...(agreed ? ['NMI', 'boundary F1'] : []),
  ];
  const rows = results.map((r) => [
    ARM_LABEL[r.arm],
    PHASE_NAMES[r.phase],
    ...(ranged ? [r.range ?? 'in'] : []),
    ...ks.map((k) => interval(r.passAt[k])),
    number(r.thinkRate, 3),
    number(r.thoughtsPerProgram, 2),
    number(r.meanDuration, 2),
    number(r.contentRight, 3),
    number(r.heldOutNll, 3),
    ...(agreed ? [number(r.agreement?.nmi ?? null, 3), number(r.agreement?.boundaryF1 ?? null, 3)] : []),
  ]);
  const table = rows.length > 0 ? alignColumns([head, ...rows], ranged ? 3 : 2) : 'No arm was evaluated.';
  return `${table}\n\n${Math.round(summary.tokPerS).toLocaleString('en-US')} tokens/s over ${duration(summary.timeMs)}`;
}

/** Hours, minutes and seconds: 1:02:03, 2:03, 0:03. */
export function duration(timeMs: number): string {
  const s = Math.max(0, Math.round(timeMs / 1000));
  const parts = s >= 3600 ? [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60] : [Math.floor(s / 60), s % 60];
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** Rows of cells as lines; the first `leftColumns` columns start at the left, the others end at the right. */
export function alignColumns(rows: string[][], leftColumns: number): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, c) => (c < leftColumns ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

function byPhaseRangeArm(a: ArmResult, b: ArmResult): number {
  if (a.phase !== b.phase) return a.phase === 'before' ? -1 : 1;
  if (a.range !== b.range) return RANGES.indexOf(a.range ?? 'in') - RANGES.indexOf(b.range ?? 'in');
  return ARMS.indexOf(a.arm) - ARMS.indexOf(b.arm);
}

function interval(value: Interval | undefined): string {
  if (!value) return NONE;
  return `${number(value.mean, 3)} [${number(value.lo, 3)}, ${number(value.hi, 3)}]`;
}

function number(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? NONE : value.toFixed(digits);
}
