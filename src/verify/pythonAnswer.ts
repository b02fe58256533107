// An interpreter's report on one job as an outcome. What a program says is untrusted: it is rebuilt field by field, and anything that is not an answer in
// the agreed form ends the job as killed. Refuses nothing else: whether values are right is for the caller to say.
import type { CallOutcome, PythonJob, PythonOutcome, PythonValue } from './python.ts';
import type { PythonReport } from './python.worker.ts';

type Done = Extract<PythonReport, { kind: 'done' }>;

/** @param timedOut the deadline had passed and Python was interrupted before it answered. */
export function outcomeOf(job: PythonJob, report: Done, timedOut: boolean, timeMs: number): PythonOutcome {
  const { failure, starved, stdout } = report;
  let calls: CallOutcome[] = [];
  let end: PythonOutcome['end'] = 'killed';
  let message = failure ?? 'it ended without an answer';
  try {
    const answer = fields(JSON.parse(report.answer));
    calls = list(answer.calls, callOutcome).slice(0, job.calls?.length ?? 0);
    if (failure === null) {
      end = oneOf(answer.end, ['finished', 'exception', 'memory', 'timeout']);
      message = text(answer.message);
    }
  } catch {
    if (failure === null) message = report.answer === '' ? message : 'its answer was not in the agreed form';
  }
  if (timedOut || end === 'timeout') return { end: 'timeout', message: timeoutMessage(job), stdout, calls, timeMs };
  if (end === 'killed' && starved) return { end: 'memory', message: 'MemoryError', stdout, calls, timeMs };
  return { end, message: end === 'finished' ? '' : message, stdout, calls, timeMs };
}

export function timeoutMessage(job: PythonJob): string {
  return `not done after ${job.deadlineMs} ms`;
}

function callOutcome(given: unknown): CallOutcome {
  const { ok, value, exception, timeMs } = fields(given) as Record<'ok' | 'value' | 'exception' | 'timeMs', unknown>;
  const time = typeof timeMs === 'number' && timeMs >= 0 ? timeMs : 0;
  return ok === true ? { ok, value: pythonValue(value, 0), timeMs: time } : { ok: false, exception: text(exception), timeMs: time };
}

/** Twice what runner.py nests, so that only a forged answer meets it. */
const MAX_DEPTH = 200;

function pythonValue(given: unknown, depth: number): PythonValue {
  if (depth > MAX_DEPTH) throw new TypeError('nested too deep');
  const { t, v, name, repr } = fields(given) as Record<'t' | 'v' | 'name' | 'repr', unknown>;
  const inner = (value: unknown): PythonValue => pythonValue(value, depth + 1);
  switch (t) {
    case 'none':
      return { t };
    case 'bool':
      if (typeof v !== 'boolean') throw new TypeError('not a bool');
      return { t, v };
    case 'int':
      if (!/^-?\d+$/.test(text(v))) throw new TypeError('not an int');
      return { t, v: text(v) };
    case 'float':
      return { t, v: float(v) };
    case 'complex': {
      const [real, imaginary] = list(v, float);
      return { t, v: [float(real), float(imaginary)] };
    }
    case 'str':
      return { t, v: text(v) };
    case 'bytes':
      return { t, v: list(v, byte) };
    case 'list':
    case 'tuple':
    case 'set':
    case 'frozenset':
      return { t, v: list(v, inner) };
    case 'dict':
      return {
        t,
        v: list(v, (pair) => {
          const [key, value] = list(pair, inner);
          if (!key || !value) throw new TypeError('not a pair');
          return [key, value] as [PythonValue, PythonValue];
        }),
      };
    case 'other':
      return { t, name: text(name), repr: text(repr) };
    default:
      throw new TypeError('not a value');
  }
}

function fields(given: unknown): Record<string, unknown> {
  if (typeof given !== 'object' || given === null) throw new TypeError('not an object');
  return given as Record<string, unknown>;
}

function list<T>(given: unknown, read: (item: unknown) => T): T[] {
  if (!Array.isArray(given)) throw new TypeError('not a list');
  return given.map((item) => read(item));
}

function text(given: unknown): string {
  if (typeof given !== 'string') throw new TypeError('not a text');
  return given;
}

function float(given: unknown): string {
  if (!/^(-?inf|nan|-?\d[\d.]*(e[-+]\d+)?)$/.test(text(given))) throw new TypeError('not a float');
  return text(given);
}

function byte(given: unknown): number {
  if (!Number.isInteger(given) || (given as number) < 0 || (given as number) > 255) throw new TypeError('not a byte');
  return given as number;
}

function oneOf<T extends string>(given: unknown, known: readonly T[]): T {
  const found = known.find((k) => k === given);
  if (!found) throw new TypeError('not one of those known');
  return found;
}
