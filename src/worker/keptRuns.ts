// The kept runs, as the worker serves them: files, index and locks together. Promises that a run has one writer over all tabs, and that where nothing
// can be stored everything still works in memory, said once. Refuses to touch a run that another tab has.
import { type ByteSource, fromBlob, fromBytes } from '../formats/byteSource.ts';
import { showBytes } from '../formats/formatError.ts';
import { FormatError } from '../formats/formatError.ts';
import { lockRun, lockedRuns } from '../store/runLocks.ts';
import { type Files, StorageFull, StorageGone } from '../store/files.ts';
import { openOpfs } from '../store/opfs.ts';
import { storageEstimate } from '../store/persistence.ts';
import {
  type InputFile,
  type KeptInput,
  keepInputs,
  keptInputs,
  bundleLeavesRoom,
  keepBundle,
  leftByRuns,
  openBundle,
  openCheckpoint,
  readLog,
  removeRun,
  RunWriter,
  sha256Of,
  storedSizes,
} from '../store/runFiles.ts';
import { runIndex } from '../store/runIndex.ts';
import type { KeptRuns, StoredRun } from '../store/storedRun.ts';
import type { RunEvent } from '../run/events.ts';
import type { Checkpoint } from '../run/runCore.ts';
import { RunKeeper } from '../run/runKeeper.ts';
import { decodeState } from '../run/stateBytes.ts';
import type { KeptState, StorageUse } from './protocol.ts';

/** Copies of dropped files take at most this: a run is resumed with the same files dropped again where they are larger. */
const MOST_INPUT_BYTES = 512 * 2 ** 20;

type Dropped = readonly { path: string; file: File }[];
/** The drops that the model and the dataset came with; one and the same where they came together. */
export interface DroppedInputs {
  model?: Dropped;
  dataset?: Dropped;
}
/** What a run was given, from the copies kept with it and from what was dropped again. */
export interface GivenSources {
  model: { path: string; source: ByteSource }[];
  dataset: { path: string; source: ByteSource }[];
}

let opening: Promise<Files> | null = null;

/** Throws StorageGone. */
function files(): Promise<Files> {
  opening ??= openOpfs().catch((error) => {
    opening = null;
    throw error;
  });
  return opening;
}

/** A keeper that lets go of its run's lock. */
export class LockedKeeper extends RunKeeper {
  private readonly free: () => void;
  constructor(writer: RunWriter, free: () => void, onKept: (state: KeptState) => void) {
    super(writer, (message, held) => onKept({ kind: held ? 'full' : 'memory', message }));
    this.free = free;
  }
  close(): void {
    this.free();
  }
}

/** Null where the run is in memory alone: that was told. Throws FormatError for a dropped file that can no longer be read: the run would need it. */
export async function beginKept(run: StoredRun, dropped: DroppedInputs, onKept: (state: KeptState) => void): Promise<LockedKeeper | null> {
  let free: (() => void) | null = null;
  try {
    const store = await files();
    free = await lockRun(run.id);
    if (!free) throw new StorageGone(`Another tab has a run ${run.id}.`);
    await runIndex.put(run);
    if (run.recipe.model === 'dropped') await keepInputs(store, run.id, inputsOf(dropped), MOST_INPUT_BYTES);
    onKept({ kind: 'disk' });
    return new LockedKeeper(new RunWriter(store, run.id), free, onKept);
  } catch (error) {
    if (free) await forgetKept(run.id).catch(() => undefined);
    free?.();
    if (error instanceof FormatError) throw error;
    onKept({
      kind: 'memory',
      message: `${(error as Error).message} This run is in memory alone: download its bundle before closing the tab.`,
    });
    return null;
  }
}

/** All that a run is given, the model's files under model/, the dataset's under dataset/ where they came apart. */
function inputsOf({ model = [], dataset = [] }: DroppedInputs): InputFile[] {
  const parts = { model, dataset: dataset === model ? [] : dataset };
  return (['model', 'dataset'] as const).flatMap((part) =>
    parts[part].map(({ path, file }) => ({
      path: `${part}/${path}`,
      sizeBytes: file.size,
      read: () => fromBlob(path, file).read(0, file.size),
    })),
  );
}

/** The run's files again. Throws, naming those that are not kept and were not dropped again, newest drop first, as they were. */
async function sourcesOf(store: Files, { id, name }: StoredRun, dropped: Dropped): Promise<GivenSources> {
  const sources: GivenSources = { model: [], dataset: [] };
  const missing: string[] = [];
  /** Of those, files of the name that were dropped here: another content, or none that can be read any more. */
  const others: string[] = [];
  const gone: string[] = [];
  for (const input of (await keptInputs(store, id)) ?? []) {
    const [part = '', ...rest] = input.path.split('/');
    const path = rest.join('/');
    const file = fileName(path);
    const source = input.bytes ? fromBytes(path, input.bytes) : await droppedAgain(input, path, dropped);
    if (typeof source === 'object') {
      sources[part === 'model' ? 'model' : 'dataset'].push({ path, source });
      continue;
    }
    missing.push(`${file} (${sizeText(input.sizeBytes)})`);
    if (source === 'gone') gone.push(file);
    if (source === 'another') others.push(file);
  }
  if (missing.length === 0) return sources;
  throw new Error(
    [
      `${name} goes on with the files that it was started with; not kept with it: ${missing.join(', ')}.`,
      ...(others.length > 0
        ? [`The ${others.join(', ')} dropped here ${others.length === 1 ? 'is another file' : 'are other files'}.`]
        : []),
      ...(gone.length > 0 ? [`The ${gone.join(', ')} dropped here can no longer be read: moved, deleted or changed.`] : []),
      `Drop ${missing.length === 1 ? 'that file' : 'those files'}, then press Resume.`,
    ].join(' '),
  );
}

/** The file again, or what there is of its name instead. */
async function droppedAgain(
  { sizeBytes, sha256 }: KeptInput,
  path: string,
  dropped: Dropped,
): Promise<ByteSource | 'another' | 'gone' | 'nothing'> {
  let found: 'another' | 'gone' | 'nothing' = 'nothing';
  for (const { path: other, file } of dropped) {
    if (fileName(other) !== fileName(path)) continue;
    const source = fromBlob(path, file);
    try {
      const bytes = await source.read(0, sha256 === null || file.size !== sizeBytes ? Math.min(1, file.size) : file.size);
      if (file.size === sizeBytes && (sha256 === null || (await sha256Of(bytes)) === sha256)) return source;
      if (found === 'nothing') found = 'another';
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (found === 'nothing') found = 'gone';
    }
  }
  return found;
}

const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const sizeText = (bytes: number): string => `${bytes.toLocaleString('en-US')} bytes`;

export interface Resumed {
  run: StoredRun;
  keeper: LockedKeeper;
  from: { checkpoint: Checkpoint; events: RunEvent[] };
  inputs: GivenSources;
}

/** `dropped`: everything that was dropped here, the newest first. */
export async function resumeKept(id: string, dropped: Dropped, onKept: (state: KeptState) => void): Promise<Resumed> {
  const store = await files();
  const run = (await runIndex.all()).find((r) => r.id === id);
  if (!run) throw new Error(`Run ${id} is not kept here. Choose one of the list.`);
  const free = await lockRun(id);
  if (!free) throw new Error(`Another tab has the run ${run.name}. Resume it there, or close that tab first.`);
  try {
    const kept = await openCheckpoint(store, id);
    if (!kept) throw new Error(`No whole checkpoint of ${run.name} is left. Its log can be read; run its recipe again.`);
    const inputs = await sourcesOf(store, run, dropped);
    const checkpoint = decodeState(kept.state) as Checkpoint;
    const steps = kept.repeated.filter((event) => event.type === 'metrics').length;
    const parts = [
      `The run was interrupted. ${steps === 0 ? 'Nothing that its log had is lost' : `${steps} steps after its last checkpoint are done again`}.`,
      ...(kept.otherDamaged ? ['One of its two checkpoints is damaged and was left out.'] : []),
      ...(kept.lostRecords > 0 ? [`${kept.lostRecords} damaged parts of its log were left out.`] : []),
    ];
    const damaged = kept.otherDamaged || kept.lostRecords > 0;
    const notice: RunEvent = { type: 'notice', level: damaged ? 'warning' : 'info', message: parts.join(' ') };
    kept.writer.take(notice);
    onKept({ kind: 'disk' });
    return {
      run,
      keeper: new LockedKeeper(kept.writer, free, onKept),
      from: { checkpoint, events: [...kept.events, notice] },
      inputs,
    };
  } catch (error) {
    free();
    throw error;
  }
}

export async function keptRuns(): Promise<KeptRuns> {
  try {
    const store = await files();
    const [rows, locked, left] = await Promise.all([runIndex.all(), lockedRuns(), leftByRuns(store)]);
    return {
      storage: { kind: 'disk' },
      runs: rows.map((run) => ({
        run,
        elsewhere: locked.has(run.id) && !copies.has(run.id),
        resumable: left.resumable.has(run.id),
        bundled: left.bundled.has(run.id),
      })),
    };
  } catch (error) {
    return { storage: { kind: 'memory', reason: (error as Error).message }, runs: [] };
  }
}

export async function readKept(id: string): Promise<RunEvent[]> {
  const { events, lostRecords } = await readLog(await files(), id);
  if (lostRecords > 0)
    events.push({ type: 'notice', level: 'warning', message: `${lostRecords} damaged parts of this log were left out.` });
  return events;
}

export async function openKeptBundle(id: string): Promise<Blob> {
  const bundle = await openBundle(await files(), id);
  if (!bundle) throw new Error('This run has no stored bundle: it did not end here. Its log can be saved under “What ran?”.');
  return bundle;
}

/** Bundles that are being copied here, by run, each with what ends that. */
const copies = new Map<string, () => Promise<void>>();

/** Keeps a dropped bundle with its run. Gives the reason why it is not kept, and null when it is. */
export async function keepDroppedBundle(id: string, bundle: File): Promise<string | null> {
  const named = `The models of ${bundle.name} (${showBytes(bundle.size)}) are not kept with the run`;
  const then = 'Its log is; drop the bundle again to load its models after a reload.';
  const free = await lockRun(id);
  if (!free) return `${named}: another tab has it. ${then}`;
  const stopping = new AbortController();
  const done = files().then(async (store) => {
    if (!(await bundleLeavesRoom(store, id, bundle.size)))
      throw new StorageFull('A copy may take half of the room that the browser has left for this page, and would take more.');
    await keepBundle(store, id, fromBlob(bundle.name, bundle), stopping.signal);
  });
  copies.set(id, () => {
    stopping.abort();
    return done.catch(() => undefined);
  });
  try {
    await done;
    return null;
  } catch (error) {
    return stopping.signal.aborted ? null : `${named}. ${(error as Error).message} ${then}`;
  } finally {
    copies.delete(id);
    free();
  }
}

export async function keepRow(run: StoredRun, events?: RunEvent[]): Promise<void> {
  const store = await files();
  if (events) {
    const writer = new RunWriter(store, run.id);
    for (const event of events) if (event.type !== 'progress') writer.take(event);
    await writer.flush();
  }
  // last, so that no run is listed without its log
  await runIndex.put(run);
}

async function forgetKept(id: string): Promise<void> {
  await removeRun(await files(), id);
  await runIndex.remove(id);
}

export async function deleteKept(id: string): Promise<void> {
  await copies.get(id)?.();
  const free = await lockRun(id);
  if (!free) throw new Error('Another tab has this run, so it was not deleted. Close that tab first.');
  try {
    await forgetKept(id);
  } finally {
    free();
  }
}

export async function storageUse(): Promise<StorageUse> {
  return { runs: await storedSizes(await files()), ...(await storageEstimate()) };
}
