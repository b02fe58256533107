// Jobs onto interpreters: a queue, some that work, spares that stand ready, and the clock. Promises that every job settles by its deadline (plus the
// grace in which a soft interrupt may work), that what one job does to its interpreter costs no other job, and that an interpreter which
// says anything out of turn, or is refused a request, is ended at once. Rejects only when interpreters cannot be started any more. Knows no workers: `start` makes them.
import { type PythonJob, type PythonOutcome, type PythonSandbox, TRIED_TO_LEAVE, triedToLeave } from './python.ts';
import { outcomeOf, timeoutMessage } from './pythonAnswer.ts';
import type { PythonReport, PythonTask } from './python.worker.ts';
import type { SandboxNews } from './sandboxNews.ts';

/** A started interpreter. */
export interface Interpreter {
  send(task: PythonTask): void;
  /** Asks Python to stop; null where memory cannot be shared. */
  interrupt: (() => void) | null;
  end(): void;
}

export interface InterpreterListener {
  report(report: PythonReport): void;
  died(reason: string): void;
}

export interface PoolOptions {
  /** Interpreters that work at once. */
  size: number;
  /** Interpreters beyond these, ready in place of one that has to be ended. */
  spares: number;
  start(listener: InterpreterListener): Interpreter;
  /** Told of programs that tried to leave; of an interpreter once at most, since it is ended then. */
  tell?(news: SandboxNews): void;
}

/** After the deadline, for a soft interrupt to work. */
const GRACE_MS = 250;
/** A start takes 0.2 s, and on a busy machine a hundred times that. */
const START_LIMIT_MS = 120_000;
/** Starts in a row that may fail. */
const START_FAILURES = 3;

interface Waiting {
  job: PythonJob;
  settle(outcome: PythonOutcome): void;
  fail(error: Error): void;
}

interface Seat {
  interpreter: Interpreter;
  state: 'starting' | 'idle' | 'busy' | 'ended';
  timer: ReturnType<typeof setTimeout> | undefined;
  work: (Waiting & { beganMs: number; timedOut: boolean }) | null;
}

/** The sandbox itself is gone; a new one has to be opened. */
export class SandboxGone extends Error {
  override name = 'SandboxGone';
}

export class InterpreterPool implements PythonSandbox {
  private readonly options: PoolOptions;
  private readonly seats = new Set<Seat>();
  private readonly queue: Waiting[] = [];
  private failures = 0;
  private gone: SandboxGone | null = null;

  constructor(options: PoolOptions) {
    this.options = options;
    this.fill();
  }

  run(job: PythonJob): Promise<PythonOutcome> {
    return new Promise((settle, fail) => {
      if (this.gone) return fail(this.gone);
      this.queue.push({ job, settle, fail });
      this.assign();
    });
  }

  async close(): Promise<void> {
    this.giveUp(new SandboxGone('The sandbox was closed.'));
  }

  private fill(): void {
    while (!this.gone && this.seats.size < this.options.size + this.options.spares) this.seat();
  }

  private seat(): void {
    let seat: Seat | null = null;
    const interpreter = this.options.start({
      report: (report) => seat && this.heard(seat, report),
      died: (reason) => seat && this.lost(seat, reason),
    });
    seat = { interpreter, state: 'starting', timer: undefined, work: null };
    const started = seat;
    seat.timer = setTimeout(() => this.lost(started, `it was not ready after ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    this.seats.add(seat);
  }

  private assign(): void {
    const seats = [...this.seats];
    let free = this.options.size - seats.filter((seat) => seat.state === 'busy').length;
    for (const seat of seats) {
      if (free === 0 || this.queue.length === 0) return;
      if (seat.state !== 'idle') continue;
      free--;
      this.give(seat, this.queue.shift() as Waiting);
    }
  }

  private give(seat: Seat, waiting: Waiting): void {
    const { job } = waiting;
    const { interpreter } = seat;
    const work = { ...waiting, beganMs: performance.now(), timedOut: false };
    seat.state = 'busy';
    seat.work = work;
    const kill = (): void => {
      work.timedOut = true;
      this.lost(seat, timeoutMessage(job));
    };
    const { interrupt } = interpreter;
    seat.timer = setTimeout(
      interrupt
        ? () => {
            work.timedOut = true;
            interrupt();
            seat.timer = setTimeout(kill, GRACE_MS);
          }
        : kill,
      job.deadlineMs,
    );
    interpreter.send({ source: job.source, calls: job.calls ?? [], stdin: job.stdin ?? '' });
  }

  private heard(seat: Seat, report: PythonReport): void {
    if (seat.state === 'ended') return;
    if (report.kind === 'ready' && seat.state === 'starting') {
      this.failures = 0;
      clearTimeout(seat.timer);
      seat.state = 'idle';
      this.assign();
    } else if (report.kind === 'broken') this.lost(seat, report.message);
    else if (report.kind === 'refused') {
      this.options.tell?.({ refused: report.refusal });
      this.lost(seat, `${TRIED_TO_LEAVE}: a request was refused by ${report.refusal.directive}`);
    } else if (report.kind === 'done' && seat.work) {
      const { job, settle, timedOut, beganMs } = seat.work;
      clearTimeout(seat.timer);
      seat.work = null;
      seat.state = 'idle';
      const outcome = outcomeOf(job, report, timedOut, performance.now() - beganMs);
      if (triedToLeave(outcome)) this.options.tell?.({ ended: true });
      settle(outcome);
      if (!report.fit) this.end(seat, null);
      this.assign();
    } else this.lost(seat, 'it sent a message out of turn');
  }

  /** An interpreter that is no more, or has to be no more. Its job, if it had one, is settled. */
  private lost(seat: Seat, reason: string): void {
    if (seat.state === 'ended') return;
    const { work } = seat;
    const startFailure = seat.state === 'starting' ? reason : null;
    seat.work = null;
    // The answer first: ending a worker and starting another takes its time.
    if (work) {
      const timeMs = performance.now() - work.beganMs;
      const end = work.timedOut ? 'timeout' : 'killed';
      if (triedToLeave({ end, message: reason })) this.options.tell?.({ ended: true });
      work.settle({ end, message: reason, stdout: '', calls: [], timeMs });
    }
    this.end(seat, startFailure);
    this.assign();
  }

  private end(seat: Seat, startFailure: string | null): void {
    clearTimeout(seat.timer);
    seat.state = 'ended';
    seat.interpreter.end();
    this.seats.delete(seat);
    if (startFailure !== null && ++this.failures >= START_FAILURES)
      this.giveUp(new SandboxGone(`Python could not be started (${startFailure}). Reload the page, or use a current Chrome.`));
    this.fill();
  }

  private giveUp(reason: SandboxGone): void {
    if (this.gone) return;
    this.gone = reason;
    for (const seat of this.seats) {
      clearTimeout(seat.timer);
      seat.state = 'ended';
      seat.interpreter.end();
      seat.work?.fail(reason);
    }
    this.seats.clear();
    for (const { fail } of this.queue.splice(0)) fail(reason);
  }
}
