// Shades, changes, tests and the way of the arrow keys over a group of rollouts.
import { describe, expect, it } from 'vitest';
import { changedMost, hasShading, hasSpread, isText, moved, shadeOf, testRows } from '../../../src/app/rollouts.ts';
import type { ShownGroup, ShownRollout, ShownToken } from '../../../src/app/runLog.ts';

const token = (text: string, logprob: number | null, rise?: number): ShownToken => ({
  text,
  logprob,
  role: logprob === null ? 'given' : 'line',
  ...(rise === undefined ? {} : { rise, entropy: 1 }),
});
const rollout = (reward: number, tokens: ShownToken[], tests?: ShownRollout['tests']): ShownRollout => ({
  tokens,
  reward,
  advantage: reward - 0.5,
  lineOk: [],
  ...(tests ? { tests, end: 'finished' } : {}),
});
const GROUP: ShownGroup = {
  prompt: 'p',
  rollouts: [
    rollout(1, [token('a', Math.log(0.5), Math.log(1.2)), token('b', null), token('c', -1, 1e-4)]),
    rollout(0, [token('a', -1, -0.2), token('d', -2, 0.05)]),
  ],
};

describe('shades', () => {
  it('grow with how unlikely, uncertain or changed a token is', () => {
    const levels = (shading: 'logprob' | 'entropy' | 'rise', values: number[]): (number | undefined)[] =>
      values.map((v) => shadeOf({ text: '', role: 'line', logprob: 0, [shading]: v }, shading)?.level);
    expect(levels('logprob', [0, -0.1, -0.8, -2, -9])).toEqual([0, 0, 1, 3, 5]);
    expect(levels('entropy', [0, 0.6, 3])).toEqual([0, 1, 5]);
    expect(shadeOf(token('', 0, -0.3), 'rise')).toEqual({ level: 3, kind: 'down' });
    expect(shadeOf(token('', 0, 0.5), 'rise')).toEqual({ level: 5, kind: 'up' });
  });

  it('are none for what the policy did not write, and for numbers that an older log lacks', () => {
    expect(shadeOf(token('x', null), 'logprob')).toBeNull();
    expect(shadeOf(token('x', -1), 'entropy')).toBeNull();
    const old = { prompt: 'p', rollouts: [rollout(1, [token('x', -1)])] };
    expect([hasShading(old, 'logprob'), hasShading(old, 'entropy'), hasShading(old, 'rise')]).toEqual([true, false, false]);
  });
});

it('what changed most is ranked with its probabilities; rounding is no change', () => {
  const [first, ...rest] = changedMost(GROUP, 'up');
  expect(first).toMatchObject({ rollout: 0, token: 0, text: 'a' });
  expect([first!.before, first!.after]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.6, 12)]);
  expect(rest.map((t) => t.text)).toEqual(['d']);
  expect(changedMost(GROUP, 'down').map((t) => [t.rollout, t.token, t.rise])).toEqual([[1, 0, -0.2]]);
  expect(changedMost(GROUP, 'up', 1)).toHaveLength(1);
});

it('a group has spread where its rewards differ', () => {
  expect(hasSpread(GROUP)).toBe(true);
  expect(hasSpread({ prompt: '', rollouts: GROUP.rollouts.slice(1) })).toBe(false);
});

it('tests stand once each, with their verdict on every rollout', () => {
  const tested = [
    rollout(1, [], [{ text: 'f(1)', ok: true }]),
    rollout(
      0,
      [],
      [
        { text: 'f(1)', ok: false, why: 'got 2' },
        { text: 'f(2)', ok: null },
      ],
    ),
  ];
  expect(testRows({ prompt: '', rollouts: tested })).toEqual([
    { text: 'f(1)', ok: [true, false], why: [null, 'got 2'] },
    { text: 'f(2)', ok: [null, null], why: [null, null] },
  ]);
  expect(testRows(GROUP)).toEqual([]);
});

it('rollouts are text where they have several lines', () => {
  expect(isText(GROUP)).toBe(false);
  expect(isText({ prompt: '', rollouts: [rollout(0, [token('\n    return', -1)])] })).toBe(true);
});

it('arrow keys walk the tokens and stop at the edges', () => {
  expect(moved(GROUP, { rollout: 0, token: 2 }, 'ArrowDown')).toEqual({ rollout: 1, token: 1 });
  expect(moved(GROUP, { rollout: 0, token: 0 }, 'End')).toEqual({ rollout: 0, token: 2 });
  expect(moved(GROUP, { rollout: 0, token: 1 }, 'ArrowLeft')).toEqual({ rollout: 0, token: 0 });
  for (const [token, key] of [
    [2, 'ArrowRight'],
    [0, 'ArrowLeft'],
    [0, 'ArrowUp'],
    [0, 'x'],
  ] as const)
    expect(moved(GROUP, { rollout: 0, token }, key)).toBeNull();
});
