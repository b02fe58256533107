// The page of a headless run: starts the lab's worker as the real page does and hands its events to whoever drives the browser, by the
// functions it puts on `window`. Draws nothing.
import type { RunEvent } from '../run/events.ts';
import type { Recipe } from '../run/recipe.ts';
import type { PythonJob, PythonOutcome, PythonSandbox } from '../verify/python.ts';
import { openPythonSandbox, type SandboxOptions } from '../verify/sandbox.ts';
import { connectLab, type LabApi } from '../worker/client.ts';

export type NumberedJob = [number: number, job: PythonJob];
export type NumberedOutcome = [number: number, outcome: PythonOutcome | { gone: string }];

declare global {
  interface Window {
    /** Given by the driver: takes events in order. */
    takeEvents(events: RunEvent[]): Promise<void>;
    /** Runs a recipe to its end. */
    runLab(recipe: Recipe): Promise<void>;
    /** Packs the run that has ended; returns the bundle's size in bytes. */
    packBundle(): Promise<number>;
    /** Bytes [from, to) of the packed bundle, base64. */
    readBundle(from: number, to: number): string;
    /** Given by the driver of a sandbox: takes outcomes, each with the number of its job, or what a job rejected with. */
    takeOutcomes(outcomes: NumberedOutcome[]): Promise<void>;
    /** Runs jobs of Python; every outcome goes to takeOutcomes. The options are those of the first call. */
    runJobs(jobs: NumberedJob[], options?: SandboxOptions): void;
  }
}

/** Nothing goes on with a run here, so that a worker that only takes long is not to be ended. */
const HUNG_S = 60;

let lab: LabApi | null = null;
const api = (): LabApi => (lab ??= connectLab(() => HUNG_S).api);
let bundle = new Uint8Array(0);

/** Events travel on a port of their own and may arrive after the call that they belong to has ended. */
const LAST_EVENTS_MS = 5000;

window.runLab = async (recipe) => {
  let delivered = Promise.resolve();
  let sawEnd: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    sawEnd = resolve;
  });
  await api().run(recipe, (events) => {
    delivered = delivered.then(() => window.takeEvents(events));
    if (events.some((event) => event.type === 'end')) sawEnd();
  });
  await Promise.race([end, new Promise((resolve) => setTimeout(resolve, LAST_EVENTS_MS))]);
  await delivered;
};

window.packBundle = async () => {
  bundle = new Uint8Array(await api().exportBundle());
  return bundle.length;
};

window.readBundle = (from, to) => {
  let binary = '';
  for (let at = from; at < Math.min(to, bundle.length); at += 8192) {
    binary += String.fromCharCode(...bundle.subarray(at, Math.min(at + 8192, to)));
  }
  return btoa(binary);
};

let sandbox: PythonSandbox | null = null;
let outcomes: NumberedOutcome[] = [];
/** Outcomes cross to the driver in batches: a crossing costs as much as a small job. */
const BATCH_MS = 5;

window.runJobs = (jobs, options) => {
  sandbox ??= openPythonSandbox(options);
  for (const [number, job] of jobs) {
    sandbox.run(job).then(
      (outcome) => give([number, outcome]),
      (e: Error) => give([number, { gone: e.message }]),
    );
  }
};

function give(outcome: NumberedOutcome): void {
  outcomes.push(outcome);
  if (outcomes.length > 1) return;
  setTimeout(() => {
    const batch = outcomes;
    outcomes = [];
    void window.takeOutcomes(batch);
  }, BATCH_MS);
}
