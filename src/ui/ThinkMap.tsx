// The whole course of the policy's thinking at a glance: moments from left to right, lines of the program from top to bottom,
// the stronger the shade the likelier a thought. A click chooses the moment.
import { stageLabel } from '../app/curves.ts';
import { thinkByLine } from '../app/findings.ts';
import { type Moment, keyOf } from '../app/runLog.ts';

interface ThinkMapProps {
  moments: readonly Moment[];
  /** Moments of the whole log: those still to come stay blank. */
  slots: number;
  index: number;
  onChoose: (index: number) => void;
}

const MAX_ROWS = 48;
/** Share of the width below which a stage's name would run into the next one's. */
const MIN_NAMED_SHARE = 0.15;

export function ThinkMap({ moments, slots, index, onChoose }: ThinkMapProps) {
  const columns = moments.map((m) => thinkByLine(m.traces).slice(0, MAX_ROWS));
  const rows = Math.max(1, ...columns.map((c) => c.length));
  const height = rows * Math.max(3, Math.min(12, Math.floor(144 / rows)));
  const stageStarts = moments.flatMap((m, i) => (i > 0 && keyOf(m.ref) !== keyOf(moments[i - 1]!.ref) ? [i] : []));
  const starts = moments.length > 0 ? [0, ...stageStarts] : [];
  const named = starts.filter((x, i) => ((starts[i + 1] ?? moments.length) - x) / slots >= MIN_NAMED_SHARE);
  const onClick = (event: React.MouseEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    onChoose(Math.max(0, Math.min(moments.length - 1, Math.floor(((event.clientX - box.left) / box.width) * slots))));
  };
  return (
    <figure className="think-map">
      <figcaption>P(think) by line, from the first moment to the last</figcaption>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the slider below does the same by keyboard */}
      <svg viewBox={`0 0 ${slots} ${rows}`} preserveAspectRatio="none" height={height} role="img" onClick={onClick}>
        <title>Probability of a thought before each line, over the recorded moments</title>
        {columns.map((column, x) =>
          column.map((p, y) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: column and row are the cell's name
            <rect key={`${x} ${y}`} x={x} y={y} width="1.02" height="0.92" fillOpacity={0.06 + 0.94 * p} />
          )),
        )}
        {stageStarts.map((x) => (
          <line key={x} className="stage-start" x1={x} x2={x} y1="0" y2={rows} vectorEffect="non-scaling-stroke" />
        ))}
        <rect className="here" x={index} y="0" width="1" height={rows} vectorEffect="non-scaling-stroke" />
      </svg>
      <svg className="stage-names" width="100%" height="16" aria-hidden="true">
        {named.map((x) => (
          <text key={x} x={`${(100 * x) / slots}%`} y="12">
            {stageLabel(moments[x]!.ref)}
          </text>
        ))}
      </svg>
    </figure>
  );
}
