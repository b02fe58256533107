// What is asked of the Python sandbox and what it answers: plain data that crosses frames, workers and processes as it is.
// Promises of whoever serves it: every job sees a fresh interpreter, ends by its deadline, and reaches nothing outside it. Nothing in a job is a
// secret: what a program is judged against (expected values) stays with the caller, who compares.

/** One foreign program. `source` runs as the module __main__. */
export interface PythonJob {
  source: string;
  /** What sys.stdin holds; empty when left out. */
  stdin?: string;
  /** Expressions evaluated one after the other in the program's own namespace once it has run, each answered by itself. */
  calls?: readonly string[];
  /** Time for the program and all its calls together. */
  deadlineMs: number;
}

/**
 * A Python value with its exact type. int: decimal digits. float: a repr ("inf", "nan" among them). list, tuple: v in order. set, frozenset: v in no
 * order. dict: pairs in order. A subclass that compares as its base does (a namedtuple, an IntEnum; Counter, defaultdict and OrderedDict too) is its
 * base. other: anything else, by its type's name and a repr of at most 200 characters, never equal to anything.
 */
export type PythonValue =
  | { t: 'none' }
  | { t: 'bool'; v: boolean }
  | { t: 'int'; v: string }
  | { t: 'float'; v: string }
  | { t: 'complex'; v: [string, string] }
  | { t: 'str'; v: string }
  | { t: 'bytes'; v: number[] }
  | { t: 'list' | 'tuple' | 'set' | 'frozenset'; v: PythonValue[] }
  | { t: 'dict'; v: [PythonValue, PythonValue][] }
  | { t: 'other'; name: string; repr: string };

export type CallOutcome =
  | { ok: true; value: PythonValue; timeMs: number }
  /** exception: type name and message, as in the last line of a traceback. */
  | { ok: false; exception: string; timeMs: number };

/**
 * finished: the program ran to its end (calls may have failed). exception: it raised; nothing was called. timeout: the deadline passed. memory: it
 * asked for more than its cap. killed: it took its interpreter down (os._exit, a fatal error) or had to be ended otherwise.
 */
export type PythonEnd = 'finished' | 'exception' | 'timeout' | 'memory' | 'killed';

export interface PythonOutcome {
  end: PythonEnd;
  /** Type name and message of what was raised, or why it was ended; empty when finished. */
  message: string;
  /** What it printed, cut at 64 Ki characters; empty when its interpreter had to be ended with it. */
  stdout: string;
  /** One per call, up to the one during which a deadline or a cap ended the program; none when its interpreter had to be ended with it. */
  calls: CallOutcome[];
  timeMs: number;
}

/** How the message of a program begins that was ended because it reached for what is outside. No program can write it there. */
export const TRIED_TO_LEAVE = 'it tried to leave the sandbox';

export function triedToLeave({ end, message }: Pick<PythonOutcome, 'end' | 'message'>): boolean {
  return end === 'killed' && message.startsWith(TRIED_TO_LEAVE);
}

export interface PythonSandbox {
  /** Jobs wait their turn; outcomes come in any order. Rejects only when the sandbox itself is gone. */
  run(job: PythonJob): Promise<PythonOutcome>;
  close(): Promise<void>;
}
