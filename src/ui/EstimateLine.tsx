// What the recipe will take and, after a run, what it took.
import { useStore } from 'zustand';
import { stageLabel } from '../app/curves.ts';
import { estimator } from '../app/theLab.ts';
import { bytes, duration } from './numbers.ts';

const FROM = {
  'last run': 'at the speed of the last run here',
  'recorded run': 'a guess: at the speed of the recorded run, on its adapter',
};

export function EstimateLine() {
  const { estimate, working, error, last } = useStore(estimator);
  if (error) return <p className="issue">It could not run as it is: {error}</p>;
  if (!estimate) return working ? <p className="difference">Working out what it takes…</p> : null;
  const { memory, timeMs, from } = estimate;
  const { models, optimizerBytes, largest } = memory;
  return (
    <details className="estimate">
      <summary>
        {timeMs === null ? (
          'Needs'
        ) : (
          <>
            Takes about <span className="num">{roughly(timeMs)}</span> and
          </>
        )}{' '}
        <span className="num">{bytes(memory.peakBytes)}</span> of GPU memory
      </summary>
      {from ? <p>Time is {FROM[from]}.</p> : null}
      <p>
        Memory: <span className="num">{models.count}</span> × <span className="num">{bytes(models.bytes)}</span> of weights,{' '}
        <span className="num">{bytes(optimizerBytes)}</span> of gradients and moments, <span className="num">{bytes(largest.bytes)}</span>{' '}
        for the batch of the largest stage{largest.ref ? ` (${stageLabel(largest.ref)})` : ''}.
      </p>
      {last ? (
        <p>
          The last run: estimated {last.estimated.timeMs === null ? 'without a time' : roughly(last.estimated.timeMs)} and{' '}
          {bytes(last.estimated.memory.peakBytes)}; was {duration(last.timeMs)}
          {last.peakBytes === null ? '' : ` and ${bytes(last.peakBytes)}`}.
        </p>
      ) : null}
    </details>
  );
}

/** An estimate to the second would be a lie. */
function roughly(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return 'a few seconds';
  if (seconds < 100) return `${Math.round(seconds / 10) * 10} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
