// Expert programs and text windows, with a tokenizer of one token per character and one whose signs are split.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../src/formats/tokenizer.ts';
import { codePrograms, formatPrompt, readProgram, textLatentForm, textWindows, type TextTokenizer } from '../../../src/tasks/code.ts';

const chars: TextTokenizer = {
  encode: (text, { addBos }) => [...(addBos ? [1] : []), ...chars.encodeContinuation(text)],
  encodeContinuation: (text) => Array.from(text, (c) => c.codePointAt(0)!),
};
const form = textLatentForm(chars, 8);
const print = (ids: number[]) => String.fromCodePoint(...ids);
const options = { maxTokens: 1000, heldOut: 0, maxRows: 1000 };

describe('textLatentForm', () => {
  it('takes the ids of "#" and newline', () => {
    expect(form).toEqual({ kind: 'text', think: 35, contentEnd: 10, maxLatentTokens: 8 });
  });
  it('says what to do when the tokenizer splits either', () => {
    const split: TextTokenizer = { ...chars, encodeContinuation: (text) => Array.from(text).flatMap((c) => [5, c.codePointAt(0)!]) };
    expect(() => textLatentForm(split, 8)).toThrow(/"#" as 2 tokens \[5,35\].*NTP arm alone/);
  });
});

describe('codePrograms', () => {
  it('writes the prompt as a docstring and each line with its newline, CRLF normalised', () => {
    const { train } = codePrograms([{ prompt: 'Add one.', solution: 'def f(x):\r\n  return x + 1\r\n' }], chars, form, options);
    expect(train[0]!.prompt[0]).toBe(1);
    expect(print(train[0]!.prompt.slice(1))).toBe('"""\nAdd one.\n"""\n');
    expect(train[0]!.lines.map((l) => print(l.tokens))).toEqual(['def f(x):\n', '  return x + 1\n']);
    expect(train[0]!.lines[0]!.scored.every(Boolean)).toBe(true);
  });
  it('keeps a prompt that the solution goes on with', () => {
    expect(formatPrompt('def f(x):\n    """ one more """\n', '    return x + 1\n')).toBe('def f(x):\n    """ one more """\n');
    expect(formatPrompt('quote """ here', 'x = 1')).toBe('"""\nquote \\"\\"\\" here\n"""\n');
  });
  it('joins blank lines to the line before, and takes comments out, keeping what they say of the line after', () => {
    const solution = '\n# note\n# more than fits\na = 1\n\n\nif b: # stays\n  # in\n  c = 2\nd = 3\n  # last\n\n';
    const { train, commentLinesRemoved, comments } = codePrograms([{ prompt: 'p', solution }], chars, form, options);
    expect(train[0]!.lines.map((l) => print(l.tokens))).toEqual(['a = 1\n\n\n', 'if b: # stays\n', '  c = 2\n', 'd = 3\n']);
    expect(commentLinesRemoved).toBe(4);
    expect(comments.get(train[0]!)!.map((c) => c && print(c))).toEqual([' note mo', null, ' in', null]);
  });
  it('ends a program where asked to, with a token that is not scored', () => {
    const { program } = readProgram('"""p"""\n', 'a = 1\nb = 2', chars, form, 2);
    expect(program.lines[1]!.tokens.slice(-2)).toEqual([10, 2]);
    expect(program.lines[1]!.scored.slice(-2)).toEqual([true, false]);
    expect(program.lines[0]!.tokens).not.toContain(2);
  });
  it('splits by row order, then drops and counts', () => {
    const rows = Array.from({ length: 10 }, (_, i) => ({
      prompt: `${i}`,
      solution: i === 1 ? ' ' : i === 9 ? 'x'.repeat(99) : `x = ${i}`,
    }));
    const set = codePrograms(rows, chars, form, { maxTokens: 60, heldOut: 0.3, maxRows: 10 });
    expect(set.train.map((p) => print(p.prompt.slice(5, 6)))).toEqual(['0', '2', '3', '4', '5', '6']);
    expect(set.heldOut.map((p) => print(p.prompt.slice(5, 6)))).toEqual(['7', '8']);
    expect([set.rows, set.droppedEmpty, set.droppedLong]).toEqual([10, 1, 1]);
  });
  it('says why nothing is left', () => {
    expect(() => codePrograms([{ prompt: 'p', solution: 'long line' }], chars, form, { ...options, maxTokens: 5 })).toThrow(
      /1 are longer than 5/,
    );
  });

  const file = new URL('../../../../shared/data/mbpp.jsonl.gz', import.meta.url);
  const missing = !existsSync(file);
  if (missing) console.warn(`skipped: ${file.pathname} is missing`);
  it.skipIf(missing)('reads all of MBPP', () => {
    const rows = gunzipSync(readFileSync(file))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { text: string; code: string })
      .map(({ text, code }) => ({ prompt: text, solution: code }));
    const set = codePrograms(rows, chars, form, { maxTokens: 4096, heldOut: 0.1, maxRows: 10000 });
    expect(set.train.length + set.heldOut.length + set.droppedLong + set.droppedEmpty).toBe(974);
    expect(set.droppedEmpty).toBe(0);
    expect(set.heldOut.length).toBeLessThanOrEqual(97);
    for (const p of set.train) for (const l of p.lines) expect(l.tokens.at(-1) === 10 && !l.tokens.includes(13)).toBe(true);
  });
});

const tokenizerFile = new URL('../../../../shared/models/stories260K/tokenizer.json', import.meta.url);
const noTokenizer = !existsSync(tokenizerFile);
if (noTokenizer) console.warn(`skipped: ${tokenizerFile.pathname} is missing`);
it.skipIf(noTokenizer)('works with a real tokenizer: lines joined again give the solution', () => {
  const tokenizer = loadTokenizer(readFileSync(tokenizerFile, 'utf8'), null);
  const own = textLatentForm(tokenizer, 8);
  const solution = 'def f(x):\n  if x > 1:\n    return f(x - 1)\n  return 0\n';
  const { train } = codePrograms([{ prompt: 'Count down.', solution }], tokenizer, own, options);
  expect(train[0]!.lines).toHaveLength(4);
  expect(tokenizer.decode(train[0]!.lines.flatMap((l) => l.tokens))).toBe(solution);
  for (const l of train[0]!.lines) expect(l.tokens.at(-1)).toBe(own.kind === 'text' ? own.contentEnd : -1);
});

describe('textWindows', () => {
  it('predicts every token but the first once', () => {
    const set = textWindows(['abcdefgh', 'x'], chars, { maxTokens: 4, heldOut: 0.5, maxRows: 10 });
    expect(set.train.map((p) => [...p.prompt, ...p.lines[0]!.tokens])).toEqual([
      [1, 97, 98, 99],
      [99, 100, 101, 102],
      [102, 103, 104],
    ]);
    expect(set.heldOut).toHaveLength(1);
  });
  it('refuses texts that hold nothing', () => {
    expect(() => textWindows([''], chars, options)).toThrow(/no two tokens/);
  });
});
