// The arms side by side, before and after RLVR, with 95 % intervals.
import { ARM_ORDER, armLabel } from '../app/curves.ts';
import type { ArmResult, Phase } from '../app/runLog.ts';
import { decimal, NONE } from './numbers.ts';

export function ResultsTable({ results }: { results: readonly ArmResult[] }) {
  if (results.length === 0) return <p className="empty">The table fills when the first arm is evaluated.</p>;
  const of = (arm: string, phase: Phase) => results.find((r) => r.arm === arm && r.phase === phase);
  const arms = ARM_ORDER.filter((arm) => of(arm, 'before') ?? of(arm, 'after'));
  const ks = [...new Set(results.flatMap((r) => Object.keys(r.passAt)))].sort((a, b) => Number(a) - Number(b));
  return (
    <div className="scroll">
      <table className="results">
        <caption className="visually-hidden">Results of each arm on held-out programs, before and after RLVR</caption>
        <thead>
          <tr>
            <th scope="col">Arm</th>
            {ks.map((k) => (
              <th key={k} scope="colgroup" colSpan={2}>
                pass@{k}
              </th>
            ))}
            <th scope="col">Thoughts per program</th>
            <th scope="col">Content right</th>
            <th scope="col">Duration, lines</th>
            <th scope="col">Held-out NLL</th>
          </tr>
          <tr className="subhead">
            <td />
            {ks.map((k) => (
              <PhaseHeads key={k} />
            ))}
            <td colSpan={4}>before RLVR</td>
          </tr>
        </thead>
        <tbody>
          {arms.map((arm) => {
            const before = of(arm, 'before');
            const now = before ?? of(arm, 'after');
            return (
              <tr key={arm} className={`tone-${arm}`}>
                <th scope="row">{armLabel(arm)}</th>
                {ks.map((k) => (
                  <Passes key={k} before={before} after={of(arm, 'after')} k={k} />
                ))}
                <td className="num">{decimal(now?.thoughtsPerProgram, 2)}</td>
                <td className="num">{decimal(now?.contentRight, 3)}</td>
                <td className="num">{decimal(now?.meanDuration, 2)}</td>
                <td className="num">{decimal(now?.heldOutNll, 3)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
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
