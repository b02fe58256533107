// What a model wrote freely, read as thoughts and lines: equal to the forced form where that can be written, and right where it cannot.
import { describe, expect, it } from 'vitest';
import { type FreeForm, readFree } from '../../../src/tasks/freeText.ts';
import { makeRng } from '../../../src/tasks/rng.ts';
import { buildSequence, ROLES } from '../../../src/tasks/sequence.ts';
import type { LatentForm, Program } from '../../../src/tasks/task.ts';

const HASH = 3;
const NEWLINE = 4;
const COLON = 5;
const END = 2;
const free: FreeForm = { think: HASH, endsLine: (id) => id === NEWLINE || id === COLON, endIds: [END] };
const text: LatentForm = { kind: 'text', think: HASH, contentEnd: NEWLINE, maxLatentTokens: 9 };
const prompt = { prompt: [1, 20, NEWLINE] };
const line = (...tokens: number[]) => ({ tokens, sampled: tokens.map(() => true), scored: tokens.map(() => true) });
const rolesOf = (roles: Uint8Array) => Array.from(roles, (role) => ROLES[role]);

describe('readFree', () => {
  it('reads what buildSequence writes, array for array', () => {
    const rng = makeRng(5, 0);
    const code: Program = { ...prompt, lines: [line(20, 21, NEWLINE), line(22, COLON), line(23, END)], truth: [] };
    for (let n = 0; n < 200; n++) {
      const latents = code.lines.map(() => (rng.int(2) ? null : Array.from({ length: rng.int(5) }, () => 40 + rng.int(5))));
      const wanted = buildSequence(code, latents, text);
      const { sequence, ...read } = readFree(prompt, [...wanted.ids.subarray(prompt.prompt.length)], free);
      expect(sequence).toEqual(wanted);
      expect(read).toEqual({ latents, written: code.lines.map((l) => l.tokens) });
    }
  });
  it('takes thoughts of any length, several in a row, and ended by any end of line', () => {
    const long = Array.from({ length: 50 }, (_, i) => 100 + i);
    const { latents, written, sequence } = readFree(prompt, [HASH, ...long, COLON, HASH, 60, NEWLINE, 20, NEWLINE], free);
    expect(latents).toEqual([[...long, 60]]);
    expect(written).toEqual([[20, NEWLINE]]);
    expect(rolesOf(sequence.roles).filter((role) => role === 'contentEnd')).toHaveLength(2);
    expect(sequence.thinks).toEqual(Uint8Array.of(1));
  });
  it('takes a hash within a line as part of it', () => {
    const { latents, written } = readFree(prompt, [20, HASH, 21, NEWLINE, 22], free);
    expect(latents).toEqual([null, null]);
    expect(written).toEqual([[20, HASH, 21, NEWLINE], [22]]);
  });
  it('puts the end of the text to the line before it, and makes it a line where there is none', () => {
    expect(readFree(prompt, [20, NEWLINE, END], free).written).toEqual([[20, NEWLINE, END]]);
    expect(readFree(prompt, [END], free).written).toEqual([[END]]);
  });
  it('loses no token of a text that was cut off within a thought', () => {
    const { latents, written, sequence } = readFree(prompt, [20, NEWLINE, HASH, 40, 41], free);
    expect(latents).toEqual([null, [40, 41]]);
    expect(written).toEqual([[20, NEWLINE], []]);
    expect([...sequence.ids]).toEqual([...prompt.prompt, 20, NEWLINE, HASH, 40, 41]);
    expect([...sequence.sampled]).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
    expect(sequence.lineStart[1]).toBe(8);
  });
});
