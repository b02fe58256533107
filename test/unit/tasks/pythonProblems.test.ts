import { zlibSync } from 'fflate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPython } from '../../../src/formats/exactJson.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import type { ProblemMapping } from '../../../src/formats/recognised.ts';
import { benchmarkFile, hasBenchmarks } from '../formats/publicFiles.ts';
import { calledFunction, countTests, docstring, readProblemFile } from '../../../src/tasks/pythonProblems.ts';

const encoder = new TextEncoder();
const read = (rows: unknown[], as?: ProblemMapping) =>
  readProblemFile(encoder.encode(rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n')), 'rows.jsonl', as);

const HUMANEVAL = {
  task_id: 'T/0',
  prompt: 'def one():\n',
  entry_point: 'one',
  canonical_solution: '    return 1\n',
  test: 'def check(candidate):\n    assert candidate() == 1\n',
};
const MBPP = {
  task_id: 11,
  text: 'Return one.',
  code: 'def one():\r\n  return 1',
  test_list: ['assert one() == 1'],
  test_setup_code: '',
  challenge_test_list: [],
};

describe('a row', () => {
  it('of HumanEval', async () => {
    const { shape, name, problems } = await read([HUMANEVAL]);
    expect([shape, name]).toEqual(['humaneval', 'HumanEval']);
    expect(problems).toEqual([
      {
        id: 'T/0',
        suite: 'humaneval',
        prompt: 'def one():\n',
        entryPoint: 'one',
        solution: '    return 1\n',
        setup: '',
        tests: { kind: 'check', source: HUMANEVAL.test },
        deadlineMs: 3000,
        caveat: null,
      },
    ]);
  });

  it('of MBPP has the docstring with the first test as its prompt, and LF for CRLF', async () => {
    const { problems } = await read([MBPP]);
    expect(problems[0]).toMatchObject({
      id: '11',
      suite: 'mbpp',
      prompt: '"""\nReturn one.\nassert one() == 1\n"""\n',
      solution: 'def one():\n  return 1',
      entryPoint: 'one',
    });
  });

  it('of sanitized MBPP has its imports as setup', async () => {
    const row = {
      task_id: 2,
      prompt: 'Root.',
      code: 'def root(x):\n  return x ** .5',
      test_imports: ['import math'],
      test_list: ['assert math.isclose(root(4), 2.0)'],
    };
    expect((await read([row])).problems[0]).toMatchObject({ suite: 'mbpp-sanitized', setup: 'import math', entryPoint: 'root' });
  });

  it('of HumanEval+ and MBPP+ keeps every digit, infinities, tuples and sets of its inputs', async () => {
    const plus = (id: string, inputs: string) =>
      `{"task_id": "${id}", "prompt": "", "entry_point": "f", "canonical_solution": "", "base_input": ${inputs}, "plus_input": [], "atol": 1e-6}`;
    const source = async (id: string, inputs: string) => {
      const tests = (await read([plus(id, inputs)])).problems[0]!.tests;
      return tests.kind === 'inputs' ? tests.base.map((input) => input.source) : [];
    };
    expect(await source('HumanEval/0', '[[12345678901234567890, 1.0], ["a\\n"], [[]]]')).toEqual([
      '12345678901234567890, 1.0',
      '"a\\n"',
      '[]',
    ]);
    expect(await source('Mbpp/404', '[[-Infinity, Infinity]]')).toEqual(['-1e999, 1e999']);
    expect(await source('Mbpp/2', '[[[3], [5, 7]], ["ab", []]]')).toEqual(['(3,), (5, 7)', '("a", "b"), ()']);
    expect(await source('Mbpp/63', '[[[[1, 2], [3]]]]')).toEqual(['[(1, 2), (3,)]']);
    expect(await source('Mbpp/75', '[[[[1, 2]], 2]]')).toEqual(['[(1, 2)], 2']);
    expect(await source('Mbpp/106', '[[[1], [2]]]')).toEqual(['[1], (2,)']);
    expect(await source('Mbpp/115', '[[[[1, 2], [], 3]]]')).toEqual(['[{1, 2}, {}, {}]']);
    expect(await source('Mbpp/124', '[["0", "1j"], [1, 2]]')).toEqual(['0.0, complex("1j")', '1.0, complex(2)']);
    expect(await source('Mbpp/259', '[[[[1, 2]], [[3]]]]')).toEqual(['((1, 2),), ((3,),)']);
    expect(await source('Mbpp/278', '[[[1, [2, 3]]]]')).toEqual(['(1, (2, 3))']);
    expect(await source('Mbpp/307', '[[["a", []], 1, 2]]')).toEqual(['("a", []), 1, 2']);
    expect(await source('Mbpp/580', '[[[1, [2]]]]')).toEqual(['(1, (2,))']);
    expect(await source('Mbpp/722', '[[{"b": [1], "a": [2]}, 6.0]]')).toEqual(['{"b": (1,), "a": (2,)}, 6.0']);
    await expect(source('Mbpp/722', '[[[1]]]')).rejects.toThrow('an input is no object');
  });

  it('of LiveCodeBench has public and private tests, as calls or as standard input', async () => {
    const privateTests = JSON.stringify([{ input: '3\n[4]', output: '7', testtype: 'functional' }]);
    const bytes = encoder.encode(privateTests);
    const pickled = Uint8Array.from([0x80, 4, 0x8c, bytes.length, ...bytes, 0x94, 0x2e]);
    const row = {
      question_title: 'Sum',
      question_content: 'Add \\le.',
      platform: 'leetcode',
      question_id: 'q1',
      starter_code: 'class Solution:\n    def add(self, a, b):\n        ',
      public_test_cases: JSON.stringify([{ input: '1\n[2]', output: '3', testtype: 'functional' }]),
      private_test_cases: btoa(String.fromCharCode(...zlibSync(pickled))),
      metadata: '{"func_name": "add"}',
    };
    const [problem] = (await read([row])).problems;
    expect(problem).toMatchObject({ suite: 'livecodebench', id: 'q1', entryPoint: 'add', deadlineMs: 6000 });
    expect(problem!.prompt).toContain('r"""\nAdd \\le.\n\nclass Solution');
    expect(problem!.tests.kind === 'calls' && problem!.tests.cases.map(({ args, expected }) => [args, expected.map(toPython)])).toEqual([
      ['1, [2]', ['3']],
      ['3, [4]', ['7']],
    ]);
    const stdin = {
      ...row,
      public_test_cases: [{ input: '1\n', output: '1', testtype: 'stdin' }],
      private_test_cases: '[]',
      metadata: '{}',
    };
    expect((await read([stdin])).problems[0]!.tests).toMatchObject({ kind: 'stdin', cases: [{ input: '1\n', output: '1' }] });
  });

  it('of Codeforces says what its tests leave open and refuses interaction', async () => {
    const row = {
      id: '1/A',
      description: 'Print n.',
      time_limit: 2,
      examples: [{ input: '1', output: '1' }],
      official_tests: [],
      input_mode: 'stdio',
    };
    expect((await read([row])).problems[0]).toMatchObject({
      suite: 'codeforces',
      id: '1/A',
      tests: { kind: 'stdin', cases: [{ input: '1', output: '1' }] },
      caveat: 'only the examples of the statement are tests',
    });
    const checked = { ...row, official_tests: row.examples, generated_checker: 'def check(): ...' };
    expect((await read([checked])).problems[0]!.caveat).toBe('other right answers than the given one are judged wrong');
    await expect(read([{ ...row, interaction_format: 'ask' }])).rejects.toThrow('row 1: it is interactive');
  });

  it('of APPS and TACO has calls with either form of output, or standard input', async () => {
    const row = {
      problem_id: 7,
      question: 'Twice.',
      solutions: '["def twice(x):\\n    return 2 * x"]',
      starter_code: 'def twice(x):',
      input_output: '{"fn_name": "twice", "inputs": [[12345678901234567890]], "outputs": [[24691357802469135780]]}',
    };
    const [problem] = (await read([row])).problems;
    expect(problem).toMatchObject({ suite: 'apps', id: '7', entryPoint: 'twice', solution: 'def twice(x):\n    return 2 * x' });
    expect(problem!.tests.kind === 'calls' && problem!.tests.cases[0]!.expected.map(toPython)).toEqual([
      '[24691357802469135780]',
      '24691357802469135780',
    ]);
    const taco = { ...row, raw_tags: '[]', input_output: '{"inputs": ["1\\n", ["2", "3"]], "outputs": ["1", "2"]}' };
    expect((await read([taco])).problems[0]).toMatchObject({
      suite: 'taco',
      tests: {
        kind: 'stdin',
        cases: [
          { input: '1\n', output: '1' },
          { input: '2\n3', output: '2' },
        ],
      },
    });
  });

  it('of AceCode and of mapped fields', async () => {
    const ace = {
      id: 'ace_1',
      question: 'Write one().',
      test_cases: ['assert one() == 1', 'assert sorted(one(2)) == [2]'],
      inferences: [],
    };
    expect((await read([ace])).problems[0]).toMatchObject({
      suite: 'acecode',
      entryPoint: 'one',
      prompt: '"""\nWrite one().\n\nassert one() == 1\n"""\n',
    });
    const own = { q: 'Write two().', answer: 'def two():\n    return 2', checks: 'import math\nassert two() == 2', before: ['import os'] };
    const mapping = { prompt: 'q', solution: 'answer', tests: 'checks', setup: 'before', entryPoint: null };
    expect((await read([own], mapping)).problems[0]).toMatchObject({
      suite: 'mapped',
      prompt: '"""\nWrite two().\n"""\n',
      entryPoint: 'two',
      setup: 'import os',
      tests: { kind: 'asserts', asserts: ['import math\nassert two() == 2'] },
    });
    expect((await read([{ prompt: 'def f():\n', tests: ['assert f() is None'] }])).shape).toBe('mapped');
  });
});

describe('a wrong row', () => {
  it('is left out, counted and named; the others stay', async () => {
    const rows = [
      ...Array.from({ length: 20 }, (_, i) => ({ ...HUMANEVAL, task_id: `T/${i}` })),
      { ...HUMANEVAL, entry_point: 'os.system("x")' },
      HUMANEVAL,
    ];
    const { problems, wrongRows } = await read(rows);
    expect(problems).toHaveLength(20);
    expect(wrongRows).toEqual([
      { row: 21, id: 'T/0', message: 'its id was given before' },
      { row: 22, id: 'T/0', message: 'its id was given before' },
    ]);
    const named = await read([...rows.slice(0, 20), { ...HUMANEVAL, task_id: 'T/x', entry_point: '1x' }]);
    expect(named.wrongRows).toEqual([{ row: 21, id: 'T/x', message: '"entry_point" is "1x", which is no Python name' }]);
  });

  it('is told when no row is right, and a file of no known shape is refused', async () => {
    await expect(read([{ ...MBPP, test_list: [] }])).rejects.toThrow(
      'none of the 1 rows, read as MBPP, is a problem; row 1: it has no tests',
    );
    await expect(read([{ a: 1 }])).rejects.toThrow('"rows.jsonl" holds no Python problems');
    await expect(readProblemFile(encoder.encode('just text'), 'a.txt')).rejects.toThrow('"a.txt" is plain text and not rows');
  });

  it('never crashes the reader, whatever its fields hold', async () => {
    const field = fc.constantFrom(
      'task_id',
      'prompt',
      'test',
      'entry_point',
      'test_list',
      'base_input',
      'input_output',
      'question',
      'public_test_cases',
      'private_test_cases',
      'metadata',
      'description',
      'examples',
      'code',
      'text',
      'test_cases',
    );
    const bases: object[] = [
      HUMANEVAL,
      MBPP,
      { question: 'q', input_output: '{"inputs": [], "outputs": []}' },
      { question_content: 'q', public_test_cases: '[]', private_test_cases: '' },
      { description: 'd', examples: [], time_limit: 1 },
      { task_id: 'Mbpp/722', entry_point: 'f', prompt: '', canonical_solution: '', base_input: [[1]], plus_input: [] },
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bases), field, fc.jsonValue({ maxDepth: 3 }), async (base, name, value) => {
        try {
          const { problems } = await read([base, { ...base, task_id: 'other', [name]: value }]);
          expect(problems.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

it('the function under test is the one that the solution defines', () => {
  expect(calledFunction(['assert helper(one(1)) == 2'], 'def one(x):\n  return x')).toBe('one');
  expect(calledFunction(['assert math.isclose(abs(root(4)), 2)'], null)).toBe('root');
  expect(calledFunction(['assert x == 2'], null)).toBeNull();
});

it('a docstring stays one whatever the prose holds', () => {
  expect(docstring('a """ b \\d\r\n')).toBe(`r"""\na ''' b \\d\n"""\n`);
});

const FILES: [string, string, number, number][] = [
  ['HumanEval.jsonl.gz', 'HumanEval', 164, 164],
  ['mbpp.jsonl.gz', 'MBPP', 974, 2922],
  ['sanitized-mbpp.json.gz', 'sanitized MBPP', 427, 1324],
  ['HumanEvalPlus-Mini.jsonl.gz', 'HumanEval+', 164, 0],
  ['MbppPlus-NoExtreme.jsonl.gz', 'MBPP+', 378, 0],
];
describe.skipIf(!hasBenchmarks)('the published files (../shared/data)', () => {
  it.each(FILES)('%s is %s, every row a problem', async (file, name, rows, tests) => {
    const set = await readProblemFile(benchmarkFile(file), file);
    expect([set.name, set.problems.length, set.wrongRows]).toEqual([name, rows, []]);
    const total = set.problems.reduce((sum, problem) => sum + countTests(problem.tests), 0);
    if (tests > 0) expect(total).toBe(tests);
    else expect(total).toBeGreaterThan(rows * 10);
    expect(set.problems.every((problem) => problem.entryPoint !== null && problem.solution !== null)).toBe(true);
  });
});
