// Problems as programs: prompts that end in a line, ends of text, splits kept apart before anything is dropped, what has no room or no solution counted.
import { describe, expect, it } from 'vitest';
import { type ProblemOptions, problemPrograms } from '../../../src/tasks/problemPrograms.ts';
import type { PythonProblem } from '../../../src/tasks/pythonProblems.ts';
import { textLatentForm } from '../../../src/tasks/code.ts';
import { charTokenizer, END_ID } from '../../support/charTokenizer.ts';

const form = textLatentForm(charTokenizer, 4);
const options: ProblemOptions = { maxTokens: 200, heldOut: 0, maxRows: 1000, split: 'rows', maxNewTokens: 20, endId: END_ID };

const problem = (id: number | string, parts: Partial<PythonProblem> = {}): PythonProblem => ({
  id: String(id),
  suite: 'mbpp',
  prompt: `"""\nwrite f${id}\n"""\n`,
  entryPoint: 'f',
  solution: `def f():\n  return ${id}\n`,
  setup: '',
  tests: { kind: 'asserts', asserts: ['assert f() == 1'] },
  deadlineMs: 3000,
  caveat: null,
  ...parts,
});
const programs = (problems: PythonProblem[], more: Partial<ProblemOptions> = {}) =>
  problemPrograms(problems, charTokenizer, form, { ...options, ...more });

describe('problemPrograms', () => {
  it('writes the prompt as it is, one line one step, and the end of the text after the last', () => {
    const { train, problemOf } = programs([problem(1, { prompt: 'def f():\r\n  "one"', solution: '  # why\n  return 1' })]);
    const [program] = train;
    expect(charTokenizer.decode(program!.prompt)).toBe('def f():\n  "one"\n');
    expect(program!.lines.map((l) => charTokenizer.decode(l.tokens))).toEqual(['  return 1\n']);
    expect(program!.lines[0]!.tokens.at(-1)).toBe(END_ID);
    expect(problemOf.get(program!)?.id).toBe('1');
  });
  it('splits by rows, or MBPP as its authors do, before anything is dropped', () => {
    const ids = [5, 11, 510, 511, 600, 601, 602, 974];
    const idsOf = (part: 'train' | 'heldOut', more: Partial<ProblemOptions>) => {
      const set = programs(
        ids.map((id) => problem(id, id === 602 ? { solution: 'x = 1\n'.repeat(99) } : {})),
        more,
      );
      return set[part].map((p) => set.problemOf.get(p)!.id);
    };
    expect(idsOf('train', { heldOut: 0.25 })).toEqual(['5', '11', '510', '511', '600', '601']);
    expect(idsOf('heldOut', { heldOut: 0.25 })).toEqual(['974']);
    expect(idsOf('train', { split: 'dataset' })).toEqual(['601', '974']);
    expect(idsOf('heldOut', { split: 'dataset' })).toEqual(['11', '510']);
    expect(idsOf('train', { split: 'dataset', maxRows: 2 })).toEqual(['601']);
    const plus = programs([problem('Mbpp/11', { suite: 'mbpp-plus' }), problem('Mbpp/601', { suite: 'mbpp-plus' })], { split: 'dataset' });
    expect([plus.train.length, plus.heldOut.length]).toEqual([1, 1]);
  });
  it('refuses a split that is not there', () => {
    expect(() => programs([problem(1, { suite: 'humaneval' })], { split: 'dataset' })).toThrow(/humaneval has no training part.*"rows"/);
    expect(() => programs([problem(11)], { split: 'dataset' })).toThrow(/0 of the suite's training part and 1 of its test part/);
  });
  it('keeps problems without a solution as prompts with room to write, and says how many', () => {
    const bare = problem(1, { solution: null });
    const set = programs([bare, problem(2)]);
    expect([set.withoutSolution, set.train[0]!.lines.length]).toEqual([1, 0]);
    const room = set.train[0]!.prompt.length + options.maxNewTokens;
    expect(programs([bare], { maxTokens: room }).train).toHaveLength(1);
    expect(programs([bare], { maxTokens: room - 1 })).toMatchObject({ train: [], droppedLong: 1 });
  });
  it('says what training and held-out problems share', () => {
    const words = '"""\none two three four five six seven eight nine ten eleven\n"""\n';
    const { overlap } = programs([problem(1, { prompt: words }), problem(2), problem(3, { prompt: words })], { heldOut: 0.4 });
    expect(overlap).toMatchObject({ overlapping: 1, testTexts: 1, trainTexts: 2, n: 10 });
    expect(overlap.worst[0]!.words).toBe('one two three four five six seven eight nine ten');
  });
});
