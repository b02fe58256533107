// Sequences, their inverse and the targets of the three objectives, for both ways of writing thoughts.
import { describe, expect, it } from 'vitest';
import { builtinTask } from '../../../src/tasks/builtin.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence, longestSequence, parseRollout, ROLES, withWritten } from '../../../src/tasks/sequence.ts';
import { MODE, targetsOf } from '../../../src/tasks/targets.ts';
import type { LatentForm, Line, Program } from '../../../src/tasks/task.ts';

const recall = builtinTask('recall-lines');
const program = recall.samplePrograms(makeRng(1, 0), 1)[0]!;
const latents = [[3], null, null, [5], null, null, null, null];
const sequence = buildSequence(program, latents, recall.latent);
const names = (roles: Uint8Array) => Array.from(roles, (r) => ROLES[r]);

const NEWLINE = 10;
const HASH = 35;
const text: LatentForm = { kind: 'text', think: HASH, contentEnd: NEWLINE, maxLatentTokens: 3 };
const line = (...tokens: number[]): Line => ({ tokens, sampled: tokens.map(() => true), scored: tokens.map(() => true) });
const code: Program = { prompt: [1, 2], lines: [line(20, 21, NEWLINE), line(22, NEWLINE), line(23, 24, NEWLINE)], truth: [] };

describe('buildSequence with a codebook', () => {
  it('puts act, or think and one code, before each line', () => {
    expect(names(sequence.roles).slice(0, 12)).toEqual([
      ...['prompt', 'prompt', 'prompt', 'prompt'],
      ...['decision', 'content', 'line', 'line'],
      ...['decision', 'line', 'line'],
      'decision',
    ]);
    expect(Array.from(sequence.ids.slice(4, 12))).toEqual([8, 3, ...program.lines[0]!.tokens, 7, ...program.lines[1]!.tokens, 7]);
    expect(Array.from(sequence.line.slice(2, 9))).toEqual([-1, -1, 0, 0, 0, 0, 1]);
    expect(sequence.ids.length).toBe(4 + 8 * 3 + 2);
    expect(Array.from(sequence.lineStart.slice(0, 2))).toEqual([6, 9]);
  });
  it('pins the latest code from its own position on', () => {
    expect(Array.from(sequence.pinHi.slice(0, 7))).toEqual([0, 0, 0, 0, 0, 6, 6]);
    expect(sequence.pinLo[10]).toBe(5);
    const second = 4 + 4 + 3 + 3 + 1;
    expect([sequence.pinLo[second - 1], sequence.pinLo[second], sequence.pinHi[second]]).toEqual([5, second, second + 1]);
    expect(sequence.pinLo.at(-1)).toBe(second);
  });
  it('marks what is sampled and what is scored: the symbol, not the announced mode', () => {
    expect(Array.from(sequence.sampled.slice(4, 11))).toEqual([1, 1, 1, 0, 1, 1, 0]);
    expect(Array.from(sequence.scored.slice(4, 11))).toEqual([0, 0, 1, 0, 0, 1, 0]);
  });
  it('is never longer than the task says', () => {
    expect(longestSequence(program, recall.latent)).toBe(recall.maxTokens);
    expect(
      buildSequence(
        program,
        latents.map(() => [1]),
        recall.latent,
      ).ids.length,
    ).toBe(recall.maxTokens);
  });
  it('refuses codes outside the book and a wrong number of latents', () => {
    expect(() => buildSequence(program, [[6], ...latents.slice(1)], recall.latent)).toThrow(/from 0 to 5/);
    expect(() => buildSequence(program, [[1, 2], ...latents.slice(1)], recall.latent)).toThrow(/one id/);
    expect(() => buildSequence(program, [], recall.latent)).toThrow(/0 latents for 8 lines/);
  });
});

describe('buildSequence with text', () => {
  const s = buildSequence(code, [[40, 41], null, []], text);
  it('writes nothing for act and a comment for think', () => {
    expect(Array.from(s.ids)).toEqual([1, 2, HASH, 40, 41, NEWLINE, 20, 21, NEWLINE, 22, NEWLINE, HASH, NEWLINE, 23, 24, NEWLINE]);
    expect(names(s.roles).slice(2, 7)).toEqual(['think', 'content', 'content', 'contentEnd', 'line']);
  });
  it('pins the content alone, and nothing after an empty thought', () => {
    expect(Array.from(s.pinLo)).toEqual([0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0]);
    expect(Array.from(s.pinHi)).toEqual([0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0]);
  });
  it('counts the end of a thought as written by the policy unless the cap forced it', () => {
    expect(s.sampled[5]).toBe(1);
    const capped = buildSequence(code, [[40, 41, 42], null, null], text);
    expect(capped.ids[6]).toBe(NEWLINE);
    expect(capped.sampled[6]).toBe(0);
  });
  it('refuses thoughts that are too long or hold their own end', () => {
    expect(() => buildSequence(code, [[1, 2, 3, 4], null, null], text)).toThrow(/4 tokens; at most 3/);
    expect(() => buildSequence(code, [[NEWLINE], null, null], text)).toThrow(/end token/);
  });
});

describe('parseRollout', () => {
  it('inverts buildSequence for random traces in both forms', () => {
    const rng = makeRng(4, 0);
    for (const trace of recall.samplePretraining(rng, 200)) {
      const ids = buildSequence(trace.program, trace.latents, recall.latent).ids.slice(trace.program.prompt.length);
      expect(parseRollout(ids, trace.program, recall.latent)).toEqual({
        latents: trace.latents,
        written: trace.program.lines.map((l) => l.tokens),
        complete: true,
      });
    }
    for (let n = 0; n < 200; n++) {
      const thoughts = code.lines.map(() => (rng.int(2) ? null : Array.from({ length: rng.int(4) }, () => 40 + rng.int(5))));
      const ids = buildSequence(code, thoughts, text).ids.slice(2);
      const wanted = { latents: thoughts, written: code.lines.map((l) => l.tokens), complete: true };
      expect(parseRollout(ids, code, text)).toEqual(wanted);
    }
  });
  it('says when the tokens end early or cannot be read', () => {
    const ids = Array.from(sequence.ids.slice(4));
    expect(parseRollout(ids.slice(0, 5), program, recall.latent)).toEqual({
      latents: [[3], null],
      written: [program.lines[0]!.tokens, []],
      complete: false,
    });
    expect(parseRollout([0], program, recall.latent).complete).toBe(false);
    expect(parseRollout([HASH, 40, 41, 42, 43, NEWLINE], code, text).complete).toBe(false);
  });
  it('takes lines that the program does not have as sampled', () => {
    expect(
      withWritten(code, [
        [50, 99],
        [51, NEWLINE],
      ]).lines[1],
    ).toEqual(line(51, NEWLINE));
  });
});

describe('targetsOf', () => {
  const predicted = (t: { weight: Float32Array }) => Array.from(t.weight, (w, i) => (w ? i + 1 : -1)).filter((i) => i >= 0);
  it('ntp: every token after the prompt, full softmax', () => {
    const t = targetsOf(sequence, 'ntp', recall);
    expect(predicted(t)).toEqual(Array.from({ length: sequence.ids.length - 4 }, (_, i) => i + 4));
    expect(t.mode.every((m) => m === MODE.full)).toBe(true);
    expect(t.target[4]).toBe(3);
    expect(t.weight.at(-1)).toBe(0);
  });
  it('policy-estep: decisions among act and think, codes among the codes, nothing of the lines', () => {
    const t = targetsOf(sequence, 'policy-estep', recall);
    for (const i of predicted(t)) expect(['decision', 'content']).toContain(ROLES[sequence.roles[i]!]);
    expect(predicted(t)).toHaveLength(8 + 2);
    expect([t.mode[3], t.lo[3], t.hi[3]]).toEqual([MODE.restricted, 7, 9]);
    expect([t.mode[4], t.lo[4], t.hi[4]]).toEqual([MODE.restricted, 0, 6]);
  });
  it('policy-rlvr: also the sampled symbols, not the announced modes', () => {
    const t = targetsOf(sequence, 'policy-rlvr', recall);
    expect(predicted(t)).toHaveLength(8 + 2 + 8);
    expect([t.mode[5], t.lo[5], t.hi[5], t.weight[6]]).toEqual([MODE.restricted, 0, 6, 0]);
  });
  it('policy-estep in text: a Bernoulli on the think token at each boundary, full softmax inside thoughts', () => {
    const s = buildSequence(code, [[40, 41, 42], null, []], text);
    const t = targetsOf(s, 'policy-estep', { latent: text });
    const boundaries = Array.from(t.mode, (m, i) => (m === MODE.binary ? i : -1)).filter((i) => i >= 0);
    expect(boundaries).toEqual([1, 9, 11]);
    expect(boundaries.map((i) => [t.target[i], t.taken[i], t.decision[i]])).toEqual([
      [HASH, 1, 1],
      [HASH, 0, 1],
      [HASH, 1, 1],
    ]);
    // content and, where sampled, its end: 40 41 42 (end forced by the cap), and the end of the empty thought
    expect(predicted(t).filter((i) => t.mode[i - 1] === MODE.full)).toEqual([3, 4, 5, 13]);
  });
  it('refuses act and think ids that are not neighbours', () => {
    const form = { ...recall.latent, think: 10 } as LatentForm;
    expect(() => targetsOf(sequence, 'policy-estep', { latent: form })).toThrow(/neighbours/);
  });
  it('never gives weight to a scored token in the E-step, whatever the trace', () => {
    for (const task of [recall, builtinTask('pointer-lines')]) {
      for (const trace of task.samplePretraining(makeRng(8, 0), 100)) {
        const s = buildSequence(trace.program, trace.latents, task.latent);
        const t = targetsOf(s, 'policy-estep', task);
        for (let i = 0; i + 1 < s.ids.length; i++) expect(s.scored[i + 1]! * t.weight[i]!).toBe(0);
      }
    }
  });
});
