// "What did the model write?": whole groups of rollouts, every token shaded by its log-probability, every line or test with its verdict.
import { useMemo, useState } from 'react';
import { ARM_ORDER, stageLabel } from '../app/curves.ts';
import type { Arm, ShownGroup, ShownRollout, ShownToken } from '../app/runLog.ts';
import { ArmChoice } from './ArmChoice.tsx';
import { decimal, signed } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { useLab, useLog } from './useLab.ts';

export function RolloutsPanel() {
  return (
    <Panel question="What did the model write?" note="One group of rollouts per prompt; the darker a token, the less likely it was.">
      <Rollouts />
    </Panel>
  );
}

function Rollouts() {
  const { log, cut, version } = useLog();
  // biome-ignore lint/correctness/useExhaustiveDependencies: version says that the log has changed
  const all = useMemo(() => log.rolloutsBefore(cut), [log, cut, version]);
  const linked = useLab((s) => s.shown === 'link');
  const [wantedArm, setArm] = useState<Arm>('ra3');
  const [wantedAt, setAt] = useState<number | null>(null);
  const [wantedGroup, setGroup] = useState<number | null>(null);
  const arms = ARM_ORDER.filter((arm) => all.some((m) => m.ref.arm === arm));
  const arm = arms.includes(wantedArm) ? wantedArm : arms[arms.length - 1];
  const ofArm = all.filter((m) => m.ref.arm === arm);
  const moment = ofArm.find((m) => m.at === wantedAt) ?? ofArm[ofArm.length - 1];
  if (!moment || !arm)
    return (
      <p className="empty">
        {linked ? 'A link carries curves and results, not rollouts: run it here to see them.' : 'Rollouts appear with the first RLVR step.'}
      </p>
    );
  const groupIndex =
    wantedGroup !== null && wantedGroup < moment.groups.length ? wantedGroup : Math.max(0, moment.groups.findIndex(hasSpread));
  const group = moment.groups[groupIndex];
  return (
    <>
      <div className="choices">
        <ArmChoice arms={arms} arm={arm} onChoose={setArm} />
        <label className="field-inline">
          Step
          <select value={moment.at} onChange={(e) => setAt(Number(e.target.value))}>
            {ofArm.map((m) => (
              <option key={m.at} value={m.at}>
                {stageLabel(m.ref)}, step {m.step}
              </option>
            ))}
          </select>
        </label>
        <label className="field-inline">
          Prompt
          <select value={groupIndex} onChange={(e) => setGroup(Number(e.target.value))}>
            {moment.groups.map((g, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the index is the group's name
              <option key={i} value={i}>
                {g.prompt.slice(0, 60)}
              </option>
            ))}
          </select>
        </label>
        <Legend />
      </div>
      {group ? <Group group={group} /> : null}
    </>
  );
}

/** Whether the group's rollouts differ in reward; where they do not, no advantage is left to learn from. */
function hasSpread(group: ShownGroup): boolean {
  return new Set(group.rollouts.map((r) => r.reward)).size > 1;
}

function Legend() {
  return (
    <p className="token-legend" aria-hidden="true">
      <span className="token role-line lp-0">likely</span>
      <span className="token role-line lp-5">unlikely</span>
      <span className="token role-decision">decision</span>
      <span className="token role-thought">thought</span>
      <span className="token role-given">given</span>
    </p>
  );
}

function Group({ group }: { group: ShownGroup }) {
  const mean = group.rollouts.reduce((sum, r) => sum + r.reward, 0) / Math.max(1, group.rollouts.length);
  return (
    <div className="group">
      <p className="group-head">
        <code>{group.prompt}</code>
        <span>
          mean reward <span className="num">{decimal(mean, 2)}</span>
          {hasSpread(group) ? '' : '; no spread, so nothing to learn from here'}
        </span>
      </p>
      <ol>
        {group.rollouts.map((rollout, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the rollout's name
          <Rollout key={i} rollout={rollout} />
        ))}
      </ol>
    </div>
  );
}

function Rollout({ rollout }: { rollout: ShownRollout }) {
  const { tokens, reward, advantage, tests, end } = rollout;
  const verdicts = tests?.map((test) => test.ok === true) ?? rollout.lineOk;
  const right = verdicts.filter(Boolean).length;
  return (
    <li className="rollout">
      <p className="verdict">
        <span className={reward > 0 ? 'right' : 'wrong'}>{reward > 0 ? 'right' : 'wrong'}</span>
        <svg className="verdicts" viewBox={`0 0 ${verdicts.length * 6} 12`} width={verdicts.length * 6} height="12" role="img">
          <title>{`${right} of ${verdicts.length} ${tests ? 'tests held' : 'lines right'}`}</title>
          {verdicts.map((ok, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the index is the line or test
            <rect key={i} className={ok ? 'ok' : 'not-ok'} x={i * 6} y={ok ? 2 : 6} width="4" height={ok ? 8 : 4} />
          ))}
        </svg>
        <span className="num advantage" title="Advantage">
          {signed(advantage)}
        </span>
        {end && end !== 'finished' ? <span className="ending">{ENDINGS[end] ?? end}</span> : null}
      </p>
      <p className="tokens">
        {tokens.map((token, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the position
          <Token key={i} token={token} />
        ))}
      </p>
      {tests ? <Tests tests={tests} /> : null}
    </li>
  );
}

const ENDINGS: Record<string, string> = {
  exception: 'raised an exception',
  timeout: 'ran out of time',
  memory: 'ran out of memory',
  killed: 'took its interpreter down',
};

function Tests({ tests }: { tests: NonNullable<ShownRollout['tests']> }) {
  return (
    <details className="tests">
      <summary>
        {tests.filter((test) => test.ok).length} of {tests.length} tests held
      </summary>
      <ul>
        {tests.map(({ text, ok }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the test
          <li key={i}>
            <span className={ok ? 'right' : 'wrong'}>{ok ? 'held' : ok === null ? 'not run' : 'failed'}</span> <code>{text}</code>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Token({ token }: { token: ShownToken }) {
  const shade = token.logprob === null ? '' : ` lp-${shadeOf(token.logprob)}`;
  const title =
    token.logprob === null ? token.role : `${token.role}: log p ${token.logprob.toFixed(3)}, p ${Math.exp(token.logprob).toFixed(3)}`;
  return (
    <span className={`token role-${token.role}${shade}`} title={title}>
      {token.text}
    </span>
  );
}

/** Six shades: certain, then one per factor of about three in probability. */
function shadeOf(logprob: number): number {
  return Math.max(0, Math.min(5, Math.ceil(-logprob / 0.8 - 0.15)));
}
