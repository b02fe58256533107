// A profile as text for people: a line per kernel, longest first, with what it achieves and how much of the adapter's ceiling that is. Pure.
import type { Ceiling, Profile } from '../engine/profile.ts';
import { alignColumns } from './summaryTable.ts';

/** Coarser timestamps are mentioned. */
const COARSE_US = 10;

/** The table, a blank line and one line on how it was measured. Ends without a newline. */
export function profileTable(profile: Profile, ceiling: Ceiling): string {
  const rows = profile.kernels.map((k) => [
    k.kernel,
    String(k.calls),
    k.timeMs.toFixed(3),
    percent(k.share),
    rate(k.gflopPerS),
    percent(k.gflopPerS / ceiling.gflopPerS),
    rate(k.gbPerS),
    percent(k.gbPerS / ceiling.gbPerS),
  ]);
  const total = profile.dispatches.reduce((n, d) => n + d.flops, 0) / profile.timeMs / 1e6;
  const moved = profile.dispatches.reduce((n, d) => n + d.bytes, 0) / profile.timeMs / 1e6;
  rows.push([
    'all',
    String(profile.dispatches.length),
    profile.timeMs.toFixed(3),
    percent(1),
    rate(total),
    percent(total / ceiling.gflopPerS),
    rate(moved),
    percent(moved / ceiling.gbPerS),
  ]);
  const head = ['kernel', 'calls', 'ms', 'share', 'GFLOP/s', 'of ceiling', 'GB/s', 'of ceiling'];
  return `${alignColumns([head, ...rows], 1)}\n\n${howMeasured(profile, ceiling)}`;
}

function howMeasured({ method, resolutionUs, rounds }: Profile, ceiling: Ceiling): string {
  const how =
    method === 'timestamps'
      ? `GPU timestamps around every dispatch, mean of ${rounds} rounds`
      : `no timestamps on this adapter: runs of one kernel submitted and waited for alone, less ${resolutionUs.toFixed(0)} us of an empty one, mean of ${rounds} rounds`;
  const coarse = method === 'timestamps' && resolutionUs > COARSE_US ? `; they come in steps of ${resolutionUs.toFixed(0)} us` : '';
  return (
    `${how}${coarse}. Ceiling measured: ${rate(ceiling.gflopPerS)} GFLOP/s in registers, ${rate(ceiling.gbPerS)} GB/s copied. ` +
    'GB/s counts what a dispatch binds once: more than the ceiling means that a kernel reads only part of it, or finds it in a cache.'
  );
}

const percent = (x: number): string => (Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : '-');
const rate = (x: number): string => (Number.isFinite(x) && x > 0 ? x.toPrecision(3) : '-');
