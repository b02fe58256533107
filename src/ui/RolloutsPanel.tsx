// "What did the model write?": whole groups of rollouts, side by side, every token shaded by its log-probability, its entropy, or how much its update made
// it likelier; every line or test with its verdict, reward and advantage. One token at a time is named in full, by pointer or by arrow keys.
import { type KeyboardEvent, type SyntheticEvent, useMemo, useRef, useState } from 'react';
import { ARM_ORDER, stageLabel } from '../app/curves.ts';
import {
  type ChangedToken,
  changedMost,
  hasShading,
  hasSpread,
  isText,
  moved,
  SHADINGS,
  type Shading,
  shadeOf,
  testRows,
} from '../app/rollouts.ts';
import type { Arm, ShownGroup, ShownRollout, ShownToken } from '../app/runLog.ts';
import { ArmChoice } from './ArmChoice.tsx';
import { decimal, signed } from './numbers.ts';
import { Panel } from './Panel.tsx';
import { useLab, useLog } from './useLab.ts';

export function RolloutsPanel() {
  return (
    <Panel question="What did the model write?" note="Whole groups of rollouts of one prompt, each token with its numbers.">
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
  const [wantedShading, setShading] = useState<Shading>('logprob');
  const arms = ARM_ORDER.filter((arm) => all.some((m) => m.ref.arm === arm));
  const arm = arms.includes(wantedArm) ? wantedArm : arms[arms.length - 1];
  const ofArm = all.filter((m) => m.ref.arm === arm);
  const index = ofArm.findIndex((m) => m.at === wantedAt);
  const at = index < 0 ? ofArm.length - 1 : index;
  const moment = ofArm[at];
  if (!moment || !arm)
    return (
      <p className="empty">
        {linked ? 'A link carries curves and results, not rollouts: run it here to see them.' : 'Rollouts appear with the first RLVR step.'}
      </p>
    );
  const groupIndex =
    wantedGroup !== null && wantedGroup < moment.groups.length ? wantedGroup : Math.max(0, moment.groups.findIndex(hasSpread));
  const group = moment.groups[groupIndex];
  const shading = group && hasShading(group, wantedShading) ? wantedShading : 'logprob';
  const label = `${stageLabel(moment.ref)}, step ${moment.step}`;
  return (
    <>
      <div className="choices">
        <ArmChoice arms={arms} arm={arm} onChoose={setArm} />
        <label className="slider rollout-step">
          <span>
            {label}{' '}
            <span className="num">
              ({at + 1} of {ofArm.length})
            </span>
          </span>
          <input
            type="range"
            min="0"
            max={Math.max(0, ofArm.length - 1)}
            step="1"
            value={at}
            aria-label="Step whose rollouts are shown"
            aria-valuetext={label}
            onChange={(e) => setAt(ofArm[Number(e.target.value)]?.at ?? null)}
          />
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
      </div>
      {group ? (
        <>
          <div className="choices">
            <fieldset className="segmented" aria-label="Shade tokens by">
              {SHADINGS.map((s) => (
                <button
                  key={s}
                  type="button"
                  aria-pressed={s === shading}
                  disabled={!hasShading(group, s)}
                  title={hasShading(group, s) ? ABOUT[s] : 'This log was written before it was recorded'}
                  onClick={() => setShading(s)}
                >
                  {NAMES[s]}
                </button>
              ))}
            </fieldset>
            <Legend shading={shading} />
          </div>
          <Group key={`${moment.at} ${groupIndex}`} group={group} shading={shading} />
        </>
      ) : null}
    </>
  );
}

const NAMES: Record<Shading, string> = { logprob: 'Probability', entropy: 'Entropy', rise: 'Change' };
const ABOUT: Record<Shading, string> = {
  logprob: 'The darker, the less likely the token was',
  entropy: 'The darker, the less certain the policy was here',
  rise: 'How much this step’s update changed the token’s log-probability',
};

function Legend({ shading }: { shading: Shading }) {
  const ends =
    shading === 'rise'
      ? [
          ['token role-line down-5', 'fell'],
          ['token role-line lp-0', 'as before'],
          ['token role-line up-5', 'rose'],
        ]
      : [
          ['token role-line lp-0', shading === 'logprob' ? 'likely' : 'certain'],
          ['token role-line lp-5', shading === 'logprob' ? 'unlikely' : 'uncertain'],
        ];
  return (
    <p className="token-legend" aria-hidden="true">
      {ends.map(([style, name]) => (
        <span key={name} className={style}>
          {name}
        </span>
      ))}
      <span className="token role-decision">decision</span>
      <span className="token role-thought">thought</span>
      <span className="token role-given">given</span>
    </p>
  );
}

interface Place {
  rollout: number;
  token: number;
}

function Group({ group, shading }: { group: ShownGroup; shading: Shading }) {
  const [at, setAt] = useState<Place>({ rollout: 0, token: 0 });
  const [named, setNamed] = useState(false);
  const list = useRef<HTMLOListElement>(null);
  const mean = group.rollouts.reduce((sum, r) => sum + r.reward, 0) / Math.max(1, group.rollouts.length);
  const token = group.rollouts[at.rollout]?.tokens[at.token];
  const go = (to: Place) => {
    setAt(to);
    setNamed(true);
    list.current?.querySelector<HTMLElement>(`[data-place="${to.rollout} ${to.token}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!placeOf(event)) return;
    const to = moved(group, at, event.key);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  };
  const name = (event: SyntheticEvent) => {
    const place = placeOf(event);
    if (!place) return;
    setAt(place);
    setNamed(true);
  };
  return (
    <div className="group">
      <p className="group-head">
        <code>{group.prompt}</code>
        <span>
          mean reward <span className="num">{decimal(mean, 2)}</span>
          {hasSpread(group) ? '' : '; no spread, so nothing to learn from here'}
        </span>
      </p>
      <ol
        ref={list}
        className={isText(group) ? 'rollouts-text' : undefined}
        onKeyDown={onKeyDown}
        onMouseOver={name}
        onFocus={name}
        aria-label="Rollouts; arrow keys walk the tokens"
      >
        {group.rollouts.map((rollout, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the rollout's name
          <Rollout key={i} index={i} rollout={rollout} shading={shading} at={at.rollout === i ? at.token : null} />
        ))}
      </ol>
      <p className="named-token" role="status">
        {named && token ? (
          <Named token={token} rollout={at.rollout} />
        ) : (
          'Point at a token, or walk them with the arrow keys, for its numbers.'
        )}
      </p>
      <Changes group={group} onChoose={go} />
      <TestTable group={group} />
    </div>
  );
}

function placeOf(event: SyntheticEvent): Place | null {
  const place = (event.target as HTMLElement).dataset.place;
  const [rollout, token] = place?.split(' ').map(Number) ?? [];
  return rollout === undefined || token === undefined ? null : { rollout, token };
}

function Named({ token, rollout }: { token: ShownToken; rollout: number }) {
  const { text, role, logprob, entropy, rise } = token;
  return (
    <>
      <code>{visible(text)}</code>
      <span>
        {role}, rollout {rollout + 1}
      </span>
      {logprob === null ? (
        <span>not drawn by the policy</span>
      ) : (
        <span>
          p <span className="num">{decimal(Math.exp(logprob))}</span>, log p <span className="num">{decimal(logprob)}</span>
        </span>
      )}
      {entropy === undefined ? null : (
        <span>
          entropy <span className="num">{decimal(entropy)}</span> nats
        </span>
      )}
      {rise === undefined || logprob === null ? null : (
        <span>
          after the update p <span className="num">{decimal(Math.exp(logprob + rise))}</span> (
          <span className="num">{signed(rise, 3)}</span> nats)
        </span>
      )}
    </>
  );
}

const visible = (text: string): string => text.replaceAll('\n', '⏎').replaceAll('\t', '⇥').replaceAll(' ', '␣') || '(empty)';

interface RolloutProps {
  rollout: ShownRollout;
  index: number;
  shading: Shading;
  /** Its token that takes the focus. */
  at: number | null;
}

function Rollout({ rollout, index, shading, at }: RolloutProps) {
  const { tokens, reward, advantage, tests, end } = rollout;
  const verdicts = tests?.map((test) => test.ok === true) ?? rollout.lineOk;
  const right = verdicts.filter(Boolean).length;
  const why = tests?.find((test) => test.ok === false)?.why;
  return (
    <li className="rollout">
      <p className="verdict">
        <span className="num rollout-number">{index + 1}</span>
        <span className={reward > 0 ? 'right' : 'wrong'}>{reward > 0 ? 'right' : 'wrong'}</span>
        <svg className="verdicts" viewBox={`0 0 ${verdicts.length * 6} 12`} width={verdicts.length * 6} height="12" role="img">
          <title>{`${right} of ${verdicts.length} ${tests ? 'tests held' : 'lines right'}`}</title>
          {verdicts.map((ok, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the index is the line or test
            <rect key={i} className={ok ? 'ok' : 'not-ok'} x={i * 6} y={ok ? 2 : 6} width="4" height={ok ? 8 : 4} />
          ))}
        </svg>
        <span className="num reward" title="Reward">
          <small>R</small> {decimal(reward, 2)}
        </span>
        <span className="num advantage" title="Advantage">
          <small>A</small> {signed(advantage)}
        </span>
        {end && end !== 'finished' ? <span className="ending">{ENDINGS[end] ?? end}</span> : null}
        {why ? (
          <code className="why" title={why}>
            {why}
          </code>
        ) : null}
      </p>
      <p className="tokens">
        {tokens.map((token, i) => {
          const shade = shadeOf(token, shading);
          return (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: the index is the position
              key={i}
              className={`token role-${token.role}${shade ? ` ${SHADES[shade.kind]}-${shade.level}` : ''}`}
              data-place={`${index} ${i}`}
              tabIndex={at === i ? 0 : -1}
            >
              {token.text}
            </span>
          );
        })}
      </p>
    </li>
  );
}

const SHADES = { amount: 'lp', up: 'up', down: 'down' } as const;

const ENDINGS: Record<string, string> = {
  exception: 'raised an exception',
  timeout: 'ran out of time',
  memory: 'ran out of memory',
  killed: 'took its interpreter down',
};

function Changes({ group, onChoose }: { group: ShownGroup; onChoose: (place: Place) => void }) {
  if (!hasShading(group, 'rise')) return <p className="empty">This log was written before changes by the update were recorded.</p>;
  return (
    <div className="changes">
      <ChangeList title="Rose most in the update" changes={changedMost(group, 'up')} onChoose={onChoose} />
      <ChangeList title="Fell most" changes={changedMost(group, 'down')} onChoose={onChoose} />
    </div>
  );
}

function ChangeList({ title, changes, onChoose }: { title: string; changes: ChangedToken[]; onChoose: (place: Place) => void }) {
  return (
    <section>
      <h3>{title}</h3>
      {changes.length === 0 ? (
        <p className="empty">No token by more than 0.001 nats.</p>
      ) : (
        <ol>
          {changes.map(({ rollout, token, text, rise, before, after }) => (
            <li key={`${rollout} ${token}`}>
              <button type="button" className="quiet" onClick={() => onChoose({ rollout, token })}>
                <code>{visible(text)}</code>
                <span>rollout {rollout + 1}</span>
                <span className="num">
                  {decimal(before)} → {decimal(after)}
                </span>
                <span className={`num ${rise > 0 ? 'gain-up' : 'gain-down'}`}>{signed(rise, 3)}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function TestTable({ group }: { group: ShownGroup }) {
  const rows = testRows(group);
  if (rows.length === 0) return null;
  return (
    <div className="scroll">
      <table className="test-table">
        <caption>Each test on each rollout</caption>
        <thead>
          <tr>
            <th scope="col">Test</th>
            {group.rollouts.map((_, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the index is the rollout's name
              <th key={i} scope="col" className="num">
                {i + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ text, ok, why }) => (
            <tr key={text}>
              <th scope="row">
                <code>{text}</code>
              </th>
              {ok.map((held, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the index is the rollout's name
                <td key={i}>
                  <span
                    className={held ? 'right' : held === null ? 'not-run' : 'wrong'}
                    title={held ? 'held' : held === null ? 'not run' : (why[i] ?? 'failed')}
                  >
                    {held ? '✓' : held === null ? '·' : '✗'}
                  </span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
