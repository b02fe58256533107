// "What is in the weights?": every tensor of a model with its sizes, statistics and a histogram, and how far training moved it.
import { useStore } from 'zustand';
import { armLabel } from '../app/curves.ts';
import { type Inspectable, type InspectedTensor, relativeChange, type Sort, SORTS, shownTensors, totalsOf } from '../app/inspection.ts';
import { hasModels } from '../app/lab.ts';
import { inspector } from '../app/theLab.ts';
import { bytes, count, decimal, NONE, percent } from './numbers.ts';
import { LoadModels } from './LoadModels.tsx';
import { Panel } from './Panel.tsx';
import { useLab, useLog } from './useLab.ts';

const MOST_ROWS = 200;

export function InspectorPanel() {
  return (
    <Panel question="What is in the weights?">
      <Inspector />
    </Panel>
  );
}

function Inspector() {
  const choices = useInspectables();
  const inspection = useStore(inspector.store);
  const { what, reading, error, search, sort } = inspection;
  const value = choices.findIndex((c) => JSON.stringify(c.what) === JSON.stringify(what));
  const compared = what?.of === 'arm';
  return (
    <div className="inspector">
      <div className="inspector-controls">
        <label className="field">
          <span>Tensors of</span>
          <select value={value} onChange={(e) => void inspector.inspect(choices[Number(e.target.value)]?.what ?? null)}>
            <option value={-1}>choose a model</option>
            {choices.map(({ label }, i) => (
              <option key={label} value={i}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <LoadModels />
        {what ? (
          <>
            <label className="field">
              <span>Search</span>
              <input type="search" value={search} placeholder="layers.0 mlp" onChange={(e) => inspector.setSearch(e.target.value)} />
            </label>
            <label className="field">
              <span>Sort by</span>
              <select value={sort} onChange={(e) => inspector.setSort(e.target.value as Sort)}>
                {Object.entries(SORTS)
                  .filter(([key]) => compared || key !== 'change')
                  .map(([key, label]) => (
                    <option key={key} value={key}>
                      {label}
                    </option>
                  ))}
              </select>
            </label>
          </>
        ) : null}
      </div>
      {error ? (
        <p className="issue" role="alert">
          {error}
        </p>
      ) : null}
      {what ? <Tensors compared={compared} reading={reading} /> : <p className="empty">Choose a model to read its tensors one by one.</p>}
    </div>
  );
}

/** What can be looked at now: the dropped model, the embedded base of the recipe's task, arms that a run of this page left. */
function useInspectables(): { label: string; what: Inspectable }[] {
  const { log } = useLog();
  const dropped = useLab((s) => s.recognised?.model?.name ?? null);
  const task = useLab((s) => s.basis.task);
  const arms = useLab(hasModels) && log.end && log.end.status !== 'failed' ? log.end.results : [];
  return [
    ...(dropped === null ? [] : [{ label: `dropped: ${dropped}`, what: { of: 'dropped' } as const }]),
    { label: `embedded: ${task}`, what: { of: 'embedded', task } },
    ...[...new Set(arms.map(({ arm }) => arm))].map((arm) => ({
      label: `${armLabel(arm)}, trained here, against its base`,
      what: { of: 'arm', arm } as const,
    })),
  ];
}

function Tensors({ compared, reading }: { compared: boolean; reading: boolean }) {
  const inspection = useStore(inspector.store);
  const totals = totalsOf(inspection.tensors);
  const found = shownTensors(inspection);
  const shown = found.slice(0, MOST_ROWS);
  return (
    <>
      <p className="note" role="status">
        {reading ? 'Reading: ' : ''}
        <span className="num">{totals.tensors}</span> tensors, <span className="num">{count(totals.parameters)}</span> parameters,{' '}
        <span className="num">{bytes(totals.sizeBytes)}</span>
        {totals.broken > 0 ? `, ${count(totals.broken)} values that are not finite` : ''}
        {totals.relativeChange !== null ? `; moved by ${percent(totals.relativeChange)} of their norm` : ''}
        {found.length < totals.tensors ? `; ${found.length} found` : ''}
      </p>
      <section className="scroll inspector-table" aria-label="Tensors">
        <table>
          <caption className="visually-hidden">Tensors with their sizes and statistics</caption>
          <thead>
            <tr>
              <th scope="col">Tensor</th>
              <th scope="col">Shape</th>
              <th scope="col">Dtype</th>
              <th scope="col">Size</th>
              {compared ? <th scope="col">Moved</th> : null}
              {compared ? <th scope="col">Most</th> : null}
              <th scope="col">Mean</th>
              <th scope="col">Std</th>
              <th scope="col">Min</th>
              <th scope="col">Max</th>
              <th scope="col">Norm</th>
              <th scope="col">Zeros</th>
              <th scope="col">Not finite</th>
              <th scope="col">Values</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((tensor) => (
              <TensorRow key={tensor.name} tensor={tensor} compared={compared} />
            ))}
          </tbody>
        </table>
      </section>
      {found.length > shown.length ? (
        <p className="note">{found.length - shown.length} more: search for a part of their name to see them.</p>
      ) : null}
    </>
  );
}

function TensorRow({ tensor, compared }: { tensor: InspectedTensor; compared: boolean }) {
  const { name, shape, dtype, sizeBytes, statistics: s, problem, change } = tensor;
  const broken = s ? s.nans + s.infinities : 0;
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="num">{shape.length === 0 ? 'scalar' : shape.join(' × ')}</td>
      <td>{dtype}</td>
      <td className="num">{sizeBytes === null ? NONE : bytes(sizeBytes)}</td>
      {compared ? <td className="num">{change ? percent(relativeChange(change)) : NONE}</td> : null}
      {compared ? (
        <td className="num" title={change ? `at value ${change.largestAt}` : undefined}>
          {decimal(change?.largest)}
        </td>
      ) : null}
      {s ? (
        <>
          <td className="num">{decimal(s.mean)}</td>
          <td className="num">{decimal(s.std)}</td>
          <td className="num">{decimal(s.min)}</td>
          <td className="num">{decimal(s.max)}</td>
          <td className="num">{decimal(s.norm)}</td>
          <td className="num">{percent(s.zeros)}</td>
          <td className={broken > 0 ? 'num broken' : 'num'}>{broken > 0 ? `${s.nans} NaN, ${s.infinities} ∞` : '0'}</td>
          <td>{s.histogram ? <Histogram {...s.histogram} /> : NONE}</td>
        </>
      ) : (
        <td colSpan={8}>{problem}</td>
      )}
    </tr>
  );
}

/** Bars of the square root of the counts, so that tails show. */
function Histogram({ lo, hi, counts }: { lo: number; hi: number; counts: number[] }) {
  const most = Math.sqrt(Math.max(...counts, 1));
  return (
    <svg
      className="histogram"
      viewBox={`0 0 ${counts.length} 16`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Histogram from ${decimal(lo)} to ${decimal(hi)}`}
    >
      <title>{`${decimal(lo)} to ${decimal(hi)}; heights are roots of counts`}</title>
      {counts.map((n, i) => {
        const height = (16 * Math.sqrt(n)) / most;
        // biome-ignore lint/suspicious/noArrayIndexKey: bins have no other name
        return <rect key={i} x={i} y={16 - height} width="0.9" height={height} />;
      })}
    </svg>
  );
}
