// The arms side by side, before and after RLVR, with 95 % intervals; range by range where programs of several lengths were judged.
import { ARM_ORDER, armLabel, RANGE_ORDER } from '../app/curves.ts';
import type { ArmResult, Phase } from '../app/runLog.ts';
import { decimal, NONE } from './numbers.ts';
import { Scroll } from './Scroll.tsx';

export function ResultsTable({ results }: { results: readonly ArmResult[] }) {
  if (results.length === 0) return <p className="empty">The table fills when the first arm is evaluated.</p>;
  const of = (arm: string, range: string, phase: Phase) =>
    results.find((r) => r.arm === arm && r.phase === phase && (r.range ?? 'in') === range);
  const rows = RANGE_ORDER.flatMap((range) =>
    ARM_ORDER.map((arm) => ({ range, arm, before: of(arm, range, 'before'), after: of(arm, range, 'after') })),
  ).filter(({ before, after }) => before ?? after);
  const ranged = rows.some(({ range }) => range !== 'in');
  const agreed = results.some((r) => r.agreement);
  const ks = [...new Set(results.flatMap((r) => Object.keys(r.passAt)))].sort((a, b) => Number(a) - Number(b));
  return (
    <Scroll label="Results">
      <table className="results">
        <caption className="visually-hidden">Results of each arm on held-out programs, before and after RLVR</caption>
        <thead>
          <tr>
            <th scope="col">Arm</th>
            {ranged && <th scope="col">Range</th>}
            {ks.map((k) => (
              <th key={k} scope="colgroup" colSpan={2}>
                pass@{k}
              </th>
            ))}
            <th scope="col">Thoughts per program</th>
            <th scope="col">Content right</th>
            <th scope="col">Duration, lines</th>
            <th scope="col">Held-out NLL</th>
            {agreed && <th scope="col">NMI with truth</th>}
            {agreed && <th scope="col">Boundary F1</th>}
          </tr>
          <tr className="subhead">
            <td colSpan={ranged ? 2 : 1} />
            {ks.map((k) => (
              <PhaseHeads key={k} />
            ))}
            <td colSpan={agreed ? 6 : 4}>before RLVR</td>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ range, arm, before, after }) => {
            const now = before ?? after;
            return (
              <tr key={`${range} ${arm}`} className={`tone-${arm}`}>
                <th scope="row">{armLabel(arm)}</th>
                {ranged && <td>{range}</td>}
                {ks.map((k) => (
                  <Passes key={k} before={before} after={after} k={k} />
                ))}
                <td className="num">{decimal(now?.thoughtsPerProgram, 2)}</td>
                <td className="num">{decimal(now?.contentRight, 3)}</td>
                <td className="num">{decimal(now?.meanDuration, 2)}</td>
                <td className="num">{decimal(now?.heldOutNll, 3)}</td>
                {agreed && <td className="num">{decimal(now?.agreement?.nmi, 3)}</td>}
                {agreed && <td className="num">{decimal(now?.agreement?.boundaryF1, 3)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function PhaseHeads() {
  return (
    <>
      <th scope="col">before</th>
      <th scope="col">after RLVR</th>
    </>
  );
}

function Passes({ before, after, k }: { before: ArmResult | undefined; after: ArmResult | undefined; k: string }) {
  return (
    <>
      <Pass result={before} k={k} />
      <Pass result={after} k={k} />
    </>
  );
}

function Pass({ result, k }: { result: ArmResult | undefined; k: string }) {
  const interval = result?.passAt[k];
  if (!interval) return <td className="num">{NONE}</td>;
  return (
    <td className="num">
      {decimal(interval.mean)}
      <span className="interval">
        {decimal(interval.lo)} to {decimal(interval.hi)}
      </span>
    </td>
  );
}
