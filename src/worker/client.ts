// The page's end of the lab's worker: starts it, carries calls and progress callbacks, and notices when it dies.
// Every call settles: with its result, with the worker's error, or with WorkerGone (see liveness.ts). Refuses to revive a dead worker:
// connect a new one. The worker starts when its script comes under the page's policy (site.ts); calls wait for that.
import * as Comlink from 'comlink';
import { openSandboxFrame, type SandboxFrame } from '../verify/sandbox.ts';
import workerUrl from './lab.worker.ts?worker&url';
import { whenLifeLockFrees } from './lifeLock.ts';
import { type Liveness, watchLiveness, type WorkerGone } from './liveness.ts';
import type { LabApi, LabWorkerApi } from './protocol.ts';
import { hearFailures } from './failures.ts';
import { hearRefusals } from './refusals.ts';
import { underPagePolicy } from './site.ts';
import { trustedUrl } from './trustedUrl.ts';

export type { ChatTurn, GenerateOptions, Inspectable, KeptState, LabApi, Recognised, StorageUse } from './protocol.ts';
export { WorkerGone } from './liveness.ts';

export interface LabConnection {
  api: LabApi;
  terminate(): void;
  onDeath(listener: (error: WorkerGone) => void): void;
  /** Told for how many seconds the worker has been silent when that is long, and null when it answers again after all. */
  onSilence(listener: (silentS: number | null) => void): void;
}

const BEAT_MS = 250;
/** A run on a software adapter of a busy machine is never silent for a tenth of a second (docs/log.md). */
export const SILENT_S = 4;
/** For the worker's script to come and run. */
const START_S = 60;
const beats = (seconds: number): number => Math.ceil((seconds * 1000) / BEAT_MS);

/** `hungAfterS` says for how long a worker that was there may be silent before it is ended. */
export function connectLab(hungAfterS: () => number): LabConnection {
  const name = `ra3-lab ${crypto.randomUUID()}`;
  hearRefusals(name);
  hearFailures(name);
  const started = underPagePolicy().then(() => new Worker(trustedUrl(workerUrl), { type: 'module', name }));
  const remote = Comlink.wrap<LabWorkerApi>(endpointOf(started));
  const liveness = watchLiveness({
    ping: () => answer(remote),
    beatMs: BEAT_MS,
    silentBeats: beats(SILENT_S),
    hungBeats: () => beats(hungAfterS()),
    startBeats: beats(START_S),
  });
  const whenStarted = (work: (worker: Worker) => void): void => {
    started.then(work).catch((error: unknown) => {
      liveness.declareDead(`The worker could not be started: ${error instanceof Error ? error.message : String(error)}. Reload the page.`);
    });
  };
  whenStarted((worker) => {
    worker.addEventListener('error', (event) => {
      const where = event.filename ? ` (${event.filename}:${event.lineno})` : '';
      liveness.declareDead(
        `The worker stopped on an error: ${event.message || 'its script could not be loaded'}${where}. A new one starts when it is needed.`,
      );
    });
    worker.addEventListener('messageerror', () => {
      liveness.declareDead('A message from the worker could not be read. A new one starts when it is needed.');
    });
  });
  void watchLock(name, remote, liveness);
  lendSandbox(remote, liveness);
  liveness.onDeath(() => whenStarted((worker) => worker.terminate()));
  return {
    api: guarded(remote, liveness),
    terminate: () => liveness.declareDead('The worker was ended by the page.'),
    onDeath: liveness.onDeath,
    onSilence: liveness.onSilence,
  };
}

/** Messages to a worker that is still to be started wait for it, in order; to one that could not be started there are none. */
function endpointOf(started: Promise<Worker>): Comlink.Endpoint {
  const then = (work: (worker: Worker) => void): void => void started.then(work, () => undefined);
  return {
    postMessage: (message, transfer) => then((worker) => worker.postMessage(message, transfer ?? [])),
    addEventListener: (...args) => then((worker) => worker.addEventListener(...args)),
    removeEventListener: (...args) => then((worker) => worker.removeEventListener(...args)),
  };
}

/** Reads a property that no one serves: any answer proves that the worker's loop turns. */
async function answer(remote: Comlink.Remote<LabWorkerApi>): Promise<unknown> {
  return await (remote as unknown as { heartbeat: PromiseLike<unknown> }).heartbeat;
}

/** Notices a worker that ends without a word, sooner than the heartbeat does. */
async function watchLock(name: string, remote: Comlink.Remote<LabWorkerApi>, liveness: Liveness): Promise<void> {
  const settled = new AbortController();
  liveness.onDeath(() => settled.abort());
  await answer(remote);
  await whenLifeLockFrees(name, settled.signal, () => {
    liveness.declareDead('The worker ended unexpectedly. What it had reported is kept; a new one starts when it is needed.');
  });
}

/** The worker asks for a frame when it has Python to run, and again when the one it had is gone. */
function lendSandbox(remote: Comlink.Remote<LabWorkerApi>, liveness: Liveness): void {
  let frame: SandboxFrame | null = null;
  const open = async (): Promise<MessagePort> => {
    frame?.remove();
    frame = await openSandboxFrame();
    return Comlink.transfer(frame.port, [frame.port]);
  };
  liveness.onDeath(() => frame?.remove());
  liveness.guard(remote.lendSandbox(Comlink.proxy(open))).catch(() => undefined);
}

function guarded(remote: Comlink.Remote<LabWorkerApi>, liveness: Liveness): LabApi {
  const { guard } = liveness;
  return {
    adapter: () => guard(remote.adapter() as ReturnType<LabApi['adapter']>),
    drop: (files, goodRowsAlone) => guard(remote.drop(files, goodRowsAlone)),
    forget: (part) => guard(remote.forget(part)),
    preview: (task) => guard(remote.preview(task)),
    inspect: (what, onTensors) => guard(remote.inspect(what, Comlink.proxy(onTensors))),
    estimate: (recipe) => guard(remote.estimate(recipe)),
    run: (recipe, onEvent, as, onKept) => guard(remote.run(recipe, Comlink.proxy(onEvent), as, onKept && Comlink.proxy(onKept))),
    resumeRun: (id, onEvent, onKept) => guard(remote.resumeRun(id, Comlink.proxy(onEvent), Comlink.proxy(onKept))),
    keptRuns: () => guard(remote.keptRuns()),
    readRun: (id) => guard(remote.readRun(id)),
    keepRun: (run, events) => guard(remote.keepRun(run, events)),
    keepBundle: (id, bundle) => guard(remote.keepBundle(id, bundle)),
    deleteRun: (id) => guard(remote.deleteRun(id)),
    storage: () => guard(remote.storage()),
    pause: () => guard(remote.pause()),
    resume: () => guard(remote.resume()),
    step: () => guard(remote.step()),
    stop: () => guard(remote.stop()),
    hasChat: (arm) => guard(remote.hasChat(arm)),
    generate: (options, arm, onSent, onText) => guard(remote.generate(options, arm, Comlink.proxy(onSent), Comlink.proxy(onText))),
    ablate: (arm, thoughts, report) => guard(remote.ablate(arm, thoughts, Comlink.proxy(report))),
    profileStep: () => guard(remote.profileStep()),
    kernelNames: () => guard(remote.kernelNames()),
    kernelSource: (kernel) => guard(remote.kernelSource(kernel)),
    openModels: (from) => guard(remote.openModels(from)),
    exportModel: (arm) => guard(remote.exportModel(arm)),
    exportCluster: (arms) => guard(remote.exportCluster(arms)),
    exportBundle: (id) => guard(remote.exportBundle(id)),
  };
}
