// What a group of rollouts shows: how its tokens are shaded, which of them its update made likelier, its tests by rollout. Pure.
// Promises a shade from 0 to 5 for every number, null where a token has none. Refuses nothing.
import type { ShownGroup, ShownToken } from './runLog.ts';

/** Log-probability, entropy of the softmax, or change of the log-probability in the update. */
export const SHADINGS = ['logprob', 'entropy', 'rise'] as const;
export type Shading = (typeof SHADINGS)[number];

export interface Shade {
  /** 0 = none to 5 = most. */
  level: number;
  /** Of a change: whether it rose or fell. */
  kind: 'amount' | 'up' | 'down';
}

/** Nats at which a shade is full: six steps of about a factor of two in p; an even choice among twenty; half a nat either way. */
const FULL = { logprob: 4, entropy: 3, rise: 0.5 };

export function shadeOf(token: ShownToken, shading: Shading): Shade | null {
  const value = token[shading];
  if (value === null || value === undefined) return null;
  const level = Math.max(0, Math.min(5, Math.ceil((5 * Math.abs(value)) / FULL[shading] - 0.2)));
  return { level, kind: shading !== 'rise' ? 'amount' : value >= 0 ? 'up' : 'down' };
}

/** Whether any token of the group has the number: older logs have log-probabilities alone. */
export function hasShading(group: ShownGroup, shading: Shading): boolean {
  return group.rollouts.some((r) => r.tokens.some((t) => t[shading] !== null && t[shading] !== undefined));
}

export interface ChangedToken {
  rollout: number;
  token: number;
  text: string;
  rise: number;
  /** Probability before and after the update. */
  before: number;
  after: number;
}

/** Below this, nats, a change is rounding. */
const LEAST_RISE = 1e-3;

/** Tokens whose probability rose most in the update, or fell most. */
export function changedMost(group: ShownGroup, direction: 'up' | 'down', most = 8): ChangedToken[] {
  const sign = direction === 'up' ? 1 : -1;
  return group.rollouts
    .flatMap(({ tokens }, rollout) =>
      tokens.flatMap(({ text, logprob, rise }, token) =>
        logprob === null || rise === undefined || sign * rise < LEAST_RISE
          ? []
          : [{ rollout, token, text, rise, before: Math.exp(logprob), after: Math.exp(logprob + rise) }],
      ),
    )
    .sort((a, b) => sign * (b.rise - a.rise) || a.rollout - b.rollout || a.token - b.token)
    .slice(0, most);
}

/** Whether the group's rollouts differ in reward; where they do not, no advantage is left to learn from. */
export function hasSpread(group: ShownGroup): boolean {
  return new Set(group.rollouts.map((r) => r.reward)).size > 1;
}

export interface TestRow {
  text: string;
  /** Per rollout; null: not run, or the rollout has no such test. */
  ok: (boolean | null)[];
  /** What came instead, per rollout. */
  why: (string | null)[];
}

/** Each test of the group's problem with its verdict on every rollout; empty where nothing is judged by tests. */
export function testRows(group: ShownGroup): TestRow[] {
  const texts = [...new Set(group.rollouts.flatMap((r) => r.tests?.map((t) => t.text) ?? []))];
  return texts.map((text) => {
    const own = group.rollouts.map((r) => r.tests?.find((t) => t.text === text));
    return { text, ok: own.map((test) => test?.ok ?? null), why: own.map((test) => test?.why ?? null) };
  });
}

/** Whether rollouts are texts of several lines, to be read in columns, and not one line of tokens each. */
export function isText(group: ShownGroup): boolean {
  return group.rollouts.some((r) => r.tokens.some((t) => t.role !== 'prompt' && t.text.includes('\n')));
}

/** The token that an arrow key leads to: along a rollout, or to the same place of the next. */
export function moved(group: ShownGroup, at: { rollout: number; token: number }, key: string): { rollout: number; token: number } | null {
  const { rollout, token } = at;
  const to = {
    ArrowLeft: { rollout, token: token - 1 },
    ArrowRight: { rollout, token: token + 1 },
    ArrowUp: { rollout: rollout - 1, token },
    ArrowDown: { rollout: rollout + 1, token },
    Home: { rollout, token: 0 },
    End: { rollout, token: (group.rollouts[rollout]?.tokens.length ?? 1) - 1 },
  }[key];
  const tokens = to && group.rollouts[to.rollout]?.tokens;
  if (!tokens || to.token < 0 || (to.token >= tokens.length && to.rollout === rollout)) return null;
  return { rollout: to.rollout, token: Math.min(to.token, tokens.length - 1) };
}
