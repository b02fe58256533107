// Evaluation suites in their official formats: sample files in, verdicts by the official rules, pass@k, result files out as openai/human-eval and EvalPlus
// write them, so that others can check them with their own tools.
// Refuses (SampleError) samples of unknown tasks and tasks without samples, as those tools do (EvalPlus passes over unknown tasks; so is it here).
import { type ExactJson, JsonNumber, writeExactJson } from '../formats/exactJson.ts';
import type { ExactRow } from '../formats/jsonl.ts';
import type { PythonProblem } from '../tasks/pythonProblems.ts';
import { type EvalPart, findTruths, judgeEvalPlus, type Truths } from '../verify/evalPlus.ts';
import { judgeOfficially, type OfficialResult } from '../verify/official.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { passAtK } from './passAtK.ts';

export const SUITES = ['humaneval', 'mbpp', 'mbpp-sanitized', 'humaneval-plus', 'mbpp-plus'] as const;
export type Suite = (typeof SUITES)[number];

export class SampleError extends Error {
  override name = 'SampleError';
}

export interface Sample {
  problem: PythonProblem;
  /** The whole program. */
  program: string;
  /** The row of the sample file, as it is repeated in the results. */
  row: ExactRow;
  /** From 0, per task. */
  completionId: number;
}

export type Grade = ({ kind: 'official' } & OfficialResult) | { kind: 'evalplus'; base: EvalPart; plus: EvalPart };

export const isPlus = (suite: Suite): suite is 'humaneval-plus' | 'mbpp-plus' => suite === 'humaneval-plus' || suite === 'mbpp-plus';

/** Task ids of MBPP are numbers there and "Mbpp/11" or "MBPP/11" elsewhere. */
function taskIdOf(suite: Suite, value: ExactJson | undefined): string | null {
  const text = value instanceof JsonNumber && value.isInteger ? value.text : value;
  if (typeof text !== 'string') return null;
  return suite === 'mbpp' || suite === 'mbpp-sanitized' ? text.replace(/^mbpp\//i, '') : text;
}

/** Rows {"task_id", "completion"} or {"task_id", "solution"}. Throws SampleError. */
export function matchSamples(
  suite: Suite,
  problems: readonly PythonProblem[],
  rows: readonly ExactRow[],
  ignoreIncomplete = false,
): { samples: Sample[]; unknown: string[] } {
  const byId = new Map(problems.map((problem) => [problem.id, problem]));
  const counts = new Map<string, number>();
  const unknown = new Set<string>();
  const samples: Sample[] = [];
  rows.forEach((row, i) => {
    const id = taskIdOf(suite, row.task_id);
    if (id === null) throw new SampleError(`Sample ${i + 1} has no task_id.`);
    const problem = byId.get(id);
    if (!problem) {
      if (!isPlus(suite)) throw new SampleError(`Sample ${i + 1} is for the task ${JSON.stringify(id)}, which is not among the problems.`);
      unknown.add(id);
      return;
    }
    const { solution, completion } = row;
    if (typeof solution !== 'string' && typeof completion !== 'string')
      throw new SampleError(`Sample ${i + 1} (${id}) has neither a "completion" nor a "solution" that is text.`);
    const completionId = counts.get(id) ?? 0;
    counts.set(id, completionId + 1);
    samples.push({ problem, program: typeof solution === 'string' ? solution : problem.prompt + completion, row, completionId });
  });
  const missing = problems.filter(({ id }) => !counts.has(id));
  if (missing.length > 0 && !(ignoreIncomplete && samples.length > 0))
    throw new SampleError(
      `${missing.length} of the ${problems.length} problems have no sample, the first ${JSON.stringify(missing[0]?.id)}. Add samples, or give --ignore-incomplete.`,
    );
  return { samples, unknown: [...unknown] };
}

/** The reference solutions as samples. Throws SampleError where a problem has none. */
export function canonicalSamples(suite: Suite, problems: readonly PythonProblem[]): Sample[] {
  return problems.map((problem) => {
    const { id, prompt, solution } = problem;
    if (solution === null) throw new SampleError(`The problem ${JSON.stringify(id)} has no reference solution.`);
    return { problem, program: prompt + solution, row: sampleRow(suite, problem, solution), completionId: 0 };
  });
}

/** A completion as a row of a sample file: HumanEval's and MBPP's completion, EvalPlus's solution. */
export function sampleRow(suite: Suite, { id, prompt }: PythonProblem, completion: string): ExactRow {
  const taskId = suite === 'mbpp' || suite === 'mbpp-sanitized' ? new JsonNumber(id) : id;
  return isPlus(suite) ? { task_id: taskId, solution: prompt + completion } : { task_id: taskId, completion };
}

export interface GradeOptions {
  /** Of one program with its tests (3 s); with EvalPlus of one input, at the least (1 s). */
  timeoutMs?: number;
  /** Samples that wait for the sandbox at once. */
  parallel?: number;
  onDone?: (done: number, total: number) => void;
}

const PARALLEL = 8;

/** Verdicts in the order of the samples. */
export async function gradeSamples(
  sandbox: PythonSandbox,
  suite: Suite,
  samples: readonly Sample[],
  options: GradeOptions = {},
): Promise<Grade[]> {
  const { parallel = PARALLEL, timeoutMs, onDone } = options;
  const grades: Grade[] = new Array(samples.length);
  const truths = new TruthKeeper(sandbox, samples);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < samples.length) {
      const at = next++;
      const { problem, program } = samples[at] as Sample;
      grades[at] = isPlus(suite)
        ? { kind: 'evalplus', ...(await truths.use(problem, (known) => judgeEvalPlus(sandbox, problem, known, program, timeoutMs))) }
        : { kind: 'official', ...(await judgeOfficially(sandbox, problem, program, timeoutMs)) };
      onDone?.(++done, samples.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(parallel, samples.length) }, work));
  } finally {
    // one failure ends the others after their present sample
    next = samples.length;
  }
  return grades;
}

/** What the reference solutions give, found once per problem and let go after its last sample. */
class TruthKeeper {
  private readonly sandbox: PythonSandbox;
  private readonly left = new Map<PythonProblem, number>();
  private readonly found = new Map<PythonProblem, Promise<Truths>>();

  constructor(sandbox: PythonSandbox, samples: readonly Sample[]) {
    this.sandbox = sandbox;
    for (const { problem } of samples) this.left.set(problem, (this.left.get(problem) ?? 0) + 1);
  }

  async use<T>(problem: PythonProblem, judge: (truths: Truths) => Promise<T>): Promise<T> {
    let truths = this.found.get(problem);
    if (!truths) {
      truths = findTruths(this.sandbox, problem);
      this.found.set(problem, truths);
    }
    const result = await judge(await truths);
    const left = (this.left.get(problem) as number) - 1;
    this.left.set(problem, left);
    if (left === 0) this.found.delete(problem);
    return result;
  }
}

export interface SuiteScores {
  problems: number;
  samples: number;
  /** Samples that passed; with EvalPlus those that passed base and extra tests. */
  passed: number;
  /** EvalPlus: samples that passed the base tests. */
  basePassed: number | null;
  /** "pass@1" -> mean over problems, for each k that every problem has samples for. */
  passAtK: Record<string, number>;
  basePassAtK: Record<string, number> | null;
}

export function scores(suite: Suite, samples: readonly Sample[], grades: readonly Grade[], ks: readonly number[]): SuiteScores {
  const basePassed = grades.map((grade) => (grade.kind === 'official' ? grade.passed : grade.base.status === 'pass'));
  const passed = grades.map((grade, i) => basePassed[i] === true && (grade.kind === 'official' || grade.plus.status === 'pass'));
  const count = (flags: boolean[]): number => flags.filter(Boolean).length;
  const plus = isPlus(suite);
  return {
    problems: new Set(samples.map(({ problem }) => problem.id)).size,
    samples: samples.length,
    passed: count(passed),
    basePassed: plus ? count(basePassed) : null,
    passAtK: meansAtK(samples, passed, ks),
    basePassAtK: plus ? meansAtK(samples, basePassed, ks) : null,
  };
}

function meansAtK(samples: readonly Sample[], passed: readonly boolean[], ks: readonly number[]): Record<string, number> {
  const tally = new Map<string, { n: number; c: number }>();
  samples.forEach(({ problem }, i) => {
    const entry = tally.get(problem.id) ?? { n: 0, c: 0 };
    tally.set(problem.id, { n: entry.n + 1, c: entry.c + (passed[i] ? 1 : 0) });
  });
  const counts = [...tally.values()];
  const least = Math.min(...counts.map(({ n }) => n));
  return Object.fromEntries(
    ks.filter((k) => k <= least).map((k) => [`pass@${k}`, counts.reduce((sum, { n, c }) => sum + passAtK(n, c, k), 0) / counts.length]),
  );
}

/** The result file: human-eval's lines, or EvalPlus's one object. `file` names the problems by the hash and the date that EvalPlus writes. */
export function resultFile(
  suite: Suite,
  samples: readonly Sample[],
  grades: readonly Grade[],
  ks: readonly number[],
  file: { date: string; md5: string },
): string {
  return isPlus(suite) ? `${writeExactJson(evalPlusResults(suite, samples, grades, ks, file))}\n` : humanEvalLines(samples, grades);
}

function humanEvalLines(samples: readonly Sample[], grades: readonly Grade[]): string {
  return samples
    .map(({ row, completionId }, i) => {
      const grade = grades[i] as Extract<Grade, { kind: 'official' }>;
      const result: ExactRow = { ...row, result: grade.result, passed: grade.passed, completion_id: new JsonNumber(String(completionId)) };
      return `${writeRow(result)}\n`;
    })
    .join('');
}

export function writeRow(row: ExactRow): string {
  return writeExactJson(new Map(Object.entries(row)));
}

function evalPlusResults(
  suite: Suite,
  samples: readonly Sample[],
  grades: readonly Grade[],
  ks: readonly number[],
  { date, md5 }: { date: string; md5: string },
): ExactJson {
  const byTask = new Map<string, ExactJson>();
  samples.forEach(({ problem, program }, i) => {
    const { base, plus } = grades[i] as Extract<Grade, { kind: 'evalplus' }>;
    const { tests } = problem;
    const inputs = tests.kind === 'inputs' ? tests : { base: [], plus: [] };
    // the last input that was tried, where something was wrong
    const failed = (part: EvalPart, of: { json: ExactJson[] }[]): ExactJson[] =>
      part.status === 'pass' || part.details.length === 0 ? [] : [of[part.details.length - 1]?.json ?? []];
    const results = (byTask.get(problem.id) ?? []) as ExactJson[];
    byTask.set(problem.id, results);
    results.push(
      new Map<string, ExactJson>([
        ['task_id', problem.id],
        ['solution', program],
        ['base_status', base.status],
        ['plus_status', plus.status],
        ['base_fail_tests', failed(base, inputs.base)],
        ['plus_fail_tests', failed(plus, inputs.plus)],
      ]),
    );
  });
  const { passAtK: plusAtK, basePassAtK } = scores(suite, samples, grades, ks);
  const numbers = (values: Record<string, number>): ExactJson =>
    new Map(Object.entries(values).map(([key, value]) => [key, new JsonNumber(String(value))]));
  return new Map<string, ExactJson>([
    ['date', date],
    ['hash', md5],
    ['eval', byTask],
    [
      'pass_at_k',
      new Map([
        ['base', numbers(basePassAtK ?? {})],
        ['plus', numbers(plusAtK)],
      ]),
    ],
  ]);
}
