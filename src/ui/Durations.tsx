// How long thoughts hold at one moment, as bars, with what the sticky prior would give as a stepped line over them.
import type { Durations as Shares } from '../app/latents.ts';
import { decimal } from './numbers.ts';

const HEIGHT = 88;
const COLUMN = 24;

export function Durations({ durations }: { durations: Shares | null }) {
  if (!durations)
    return (
      <figure className="durations">
        <figcaption>How long a thought holds</figcaption>
        <p className="empty">Nobody thought at this moment.</p>
      </figure>
    );
  const { shares, prior, alpha, of } = durations;
  const most = Math.max(...shares, ...(prior ?? []));
  const y = (share: number): number => HEIGHT - (share / most) * (HEIGHT - 4);
  const width = shares.length * COLUMN;
  const steps = (prior ?? []).map((share, i) => `${i === 0 ? 'M' : 'L'}${i * COLUMN} ${y(share)}H${(i + 1) * COLUMN}`).join('');
  return (
    <figure className="durations">
      <figcaption>How long a thought holds, lines{of === 'shown' ? '; programs shown' : '; all rollouts of the step'}</figcaption>
      <svg viewBox={`0 -1 ${width} ${HEIGHT + 17}`} width={width} height={HEIGHT + 18} role="img" aria-label={spoken(durations)}>
        {shares.map((share, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the duration
          <g key={i}>
            <title>{`${i + 1} ${i === 0 ? 'line' : 'lines'}: ${percent(share)} of thoughts${prior ? `, prior ${percent(prior[i]!)}` : ''}`}</title>
            <rect className="hit" x={i * COLUMN} width={COLUMN} y="0" height={HEIGHT} />
            <rect className="share" x={i * COLUMN + 3} width={COLUMN - 6} y={y(share)} height={HEIGHT - y(share)} />
            <text x={(i + 0.5) * COLUMN} y={HEIGHT + 13}>
              {i + 1}
            </text>
          </g>
        ))}
        <line className="floor" x1="0" x2={width} y1={HEIGHT} y2={HEIGHT} />
        {prior ? <path className="prior" d={steps} /> : null}
      </svg>
      <p className="key">
        {alpha === null || !prior ? (
          'The log does not hold the prior’s persistence.'
        ) : (
          <>
            <span className="prior-key" aria-hidden="true" /> sticky prior, P(d) = (1 − α) α<sup>d−1</sup> cut by the end, α{' '}
            <span className="num">{decimal(alpha, 2)}</span>
          </>
        )}
      </p>
    </figure>
  );
}

function spoken({ shares, prior }: Shares): string {
  const each = shares.map((share, i) => (share >= 0.005 ? `${i + 1}: ${percent(share)}` : '')).filter(Boolean);
  const expected = prior ? `; the prior expects ${percent(prior[0]!)} to last 1 line` : '';
  return `Durations of thoughts in lines: ${each.join(', ')}${expected}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
