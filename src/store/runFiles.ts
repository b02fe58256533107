// A run's files: its log, its checkpoints in two generations, what was dropped for it, its bundle. One writer at a time (runLocks.ts sees to it).
// Promises: a checkpoint is acknowledged only when it and the log before it are on disk; what was acknowledged is given back whole, or a newer one, or the
// bundle of the run's end; a copy of a dropped file is given back only with the bytes that it had; a bundle is there whole or not at all.
import * as v from 'valibot';
import { type ByteSource, fromBytes } from '../formats/byteSource.ts';
import type { RunEvent } from '../run/events.ts';
import { type Files, StorageFull } from './files.ts';
import { readGeneration, removeGenerations, writeGeneration } from './generations.ts';
import { logRecord, readLogRecords } from './logRecords.ts';
import type { RunSizes } from './storedRun.ts';

export const RUNS = 'runs';
const folderOf = (id: string): string => `${RUNS}/${id}`;
const logOf = (id: string): string => `${folderOf(id)}/log`;
const checkpointOf = (id: string): string => `${folderOf(id)}/checkpoint`;
const inputsOf = (id: string): string => `${folderOf(id)}/inputs`;
const bundleOf = (id: string): string => `${folderOf(id)}/bundle.zip`;
/** Of a file that is copied, as much is in memory at once. */
const PIECE_BYTES = 16 * 2 ** 20;

export interface KeptRun {
  /** What the run was saved as. */
  state: Uint8Array<ArrayBuffer>;
  /** What had been said before it. */
  events: RunEvent[];
  /** Events that were said after it: they will be said again. */
  repeated: RunEvent[];
  lostRecords: number;
  /** The other checkpoint is damaged; it may have been a newer one. */
  otherDamaged: boolean;
  writer: RunWriter;
}

/** Appends a run's log and its checkpoints. */
export class RunWriter {
  private readonly files: Files;
  private readonly id: string;
  private logBytes: number;
  private generation: number;
  /** Said, and not yet on disk; `taken` counts all that were ever taken. */
  private waiting: RunEvent[] = [];
  private taken = 0;
  private chain: Promise<void> = Promise.resolve();

  constructor(files: Files, id: string, logBytes = 0, generation = 0) {
    this.files = files;
    this.id = id;
    this.logBytes = logBytes;
    this.generation = generation;
  }

  take(event: RunEvent): void {
    this.waiting.push(event);
    this.taken++;
  }

  /** Puts what was said on disk. Rejects with StorageFull or StorageGone; what was not written waits for the next call. */
  flush(): Promise<void> {
    const upTo = this.taken;
    return this.next(() => this.append(upTo));
  }

  /** Settles when the state, and every event that was taken before this call and none after it, is safe. */
  checkpoint(state: Uint8Array): Promise<void> {
    const upTo = this.taken;
    return this.next(async () => {
      await this.append(upTo);
      const bytes = new Uint8Array(8 + state.length);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(this.logBytes), true);
      bytes.set(state, 8);
      await writeGeneration(this.files, checkpointOf(this.id), this.generation + 1, bytes);
      this.generation++;
    });
  }

  /** The run is over: the bundle, if there is one, takes the place of the checkpoints, which stay until it is whole unless it fits in their place alone. */
  end(bundle: Uint8Array | null): Promise<void> {
    const upTo = this.taken;
    const keep = async (): Promise<void> => {
      if (bundle) await keepBundle(this.files, this.id, fromBytes('the bundle', bundle));
    };
    const clear = async (): Promise<void> => {
      await removeGenerations(this.files, checkpointOf(this.id));
      await this.files.remove(inputsOf(this.id));
    };
    return this.next(async () => {
      await this.append(upTo);
      try {
        await keep();
        await clear();
      } catch (error) {
        if (!(error instanceof StorageFull)) throw error;
        await clear();
        await keep();
      }
    });
  }

  private next(work: () => Promise<void>): Promise<void> {
    const done = this.chain.then(work);
    this.chain = done.catch(() => undefined);
    return done;
  }

  private async append(upTo: number): Promise<void> {
    const count = this.waiting.length - (this.taken - upTo);
    if (count <= 0) return;
    const record = logRecord(this.waiting.slice(0, count));
    await this.files.writeAt(logOf(this.id), this.logBytes, record);
    this.logBytes += record.length;
    this.waiting = this.waiting.slice(count);
  }
}

export async function readLog(files: Files, id: string): Promise<{ events: RunEvent[]; lostRecords: number }> {
  const { events, lost } = readLogRecords((await files.read(logOf(id))) ?? new Uint8Array());
  return { events, lostRecords: lost };
}

/** The last checkpoint, and a writer that goes on after it; null where there is none that is whole. */
export async function openCheckpoint(files: Files, id: string): Promise<KeptRun | null> {
  const found = await readGeneration(files, checkpointOf(id));
  if (!found) return null;
  const logBytes = Number(new DataView(found.bytes.buffer, found.bytes.byteOffset).getBigUint64(0, true));
  const log = (await files.read(logOf(id))) ?? new Uint8Array();
  const before = readLogRecords(log.subarray(0, logBytes));
  const after = readLogRecords(log.subarray(logBytes));
  return {
    state: found.bytes.slice(8),
    events: before.events,
    repeated: after.events,
    lostRecords: before.lost,
    otherDamaged: found.otherDamaged,
    writer: new RunWriter(files, id, Math.min(logBytes, log.length), found.number),
  };
}

/** Runs of which there may be a checkpoint, and those that left a bundle, without reading either. */
export async function leftByRuns(files: Files): Promise<{ resumable: Set<string>; bundled: Set<string> }> {
  const left = { resumable: new Set<string>(), bundled: new Set<string>() };
  for (const { path } of await files.list(RUNS)) {
    const [, id, name] = /^runs\/([^/]+)\/(bundle\.zip|checkpoint\.(?:even|odd))$/.exec(path) ?? [];
    if (id !== undefined) left[name === 'bundle.zip' ? 'bundled' : 'resumable'].add(id);
  }
  return left;
}

/** A file that a run is given. */
export interface InputFile {
  path: string;
  sizeBytes: number;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** One that it was given, as it is found again. */
export interface KeptInput {
  path: string;
  sizeBytes: number;
  /** Hexadecimal SHA-256 of its bytes; null of one that was never copied. */
  sha256: string | null;
  /** Null where there is no copy, or one that is not what it was. */
  bytes: Uint8Array<ArrayBuffer> | null;
}

/** Not a name in hexadecimal, as those of the copies are. */
const LIST = 'list';
const LONGEST_NAME = 240;

/** Lists what a run is given, and copies it, smaller files first, as long as the copies stay within `mostBytes`. */
export async function keepInputs(files: Files, id: string, inputs: readonly InputFile[], mostBytes: number): Promise<void> {
  const list: Omit<KeptInput, 'bytes'>[] = [];
  let left = mostBytes;
  for (const { path, sizeBytes, read } of [...inputs].sort((a, b) => a.sizeBytes - b.sizeBytes)) {
    let sha256: string | null = null;
    if (sizeBytes <= left && copyName(path).length <= LONGEST_NAME) {
      const bytes = await read();
      sha256 = await sha256Of(bytes);
      await files.write(`${inputsOf(id)}/${copyName(path)}`, bytes);
      left -= sizeBytes;
    }
    list.push({ path, sizeBytes, sha256 });
  }
  await files.write(`${inputsOf(id)}/${LIST}`, new TextEncoder().encode(JSON.stringify(list)));
}

/** What a run was given, each file with its copy where that is whole; null where nothing was listed. */
export async function keptInputs(files: Files, id: string): Promise<KeptInput[] | null> {
  const list = readList(await files.read(`${inputsOf(id)}/${LIST}`));
  if (!list) return null;
  const found: KeptInput[] = [];
  for (const { path, sizeBytes, sha256 } of list) {
    const bytes = sha256 === null ? null : await files.read(`${inputsOf(id)}/${copyName(path)}`);
    found.push({ path, sizeBytes, sha256, bytes: bytes && (await sha256Of(bytes)) === sha256 ? bytes : null });
  }
  return found;
}

const inputList = v.array(v.object({ path: v.string(), sizeBytes: v.number(), sha256: v.nullable(v.string()) }));

function readList(bytes: Uint8Array | null): v.InferOutput<typeof inputList> | null {
  try {
    return bytes && v.parse(inputList, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

/** A name of any kind: its bytes in hexadecimal, so that it can leave no folder. */
function copyName(path: string): string {
  return hex(new TextEncoder().encode(path));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function openBundle(files: Files, id: string): Promise<Blob | null> {
  return files.open(bundleOf(id));
}

/** Whether a bundle of this size would leave as much room as it takes. */
export function bundleLeavesRoom(files: Files, id: string, sizeBytes: number): Promise<boolean> {
  return files.hasRoom(`${bundleOf(id)}.new`, 2 * sizeBytes);
}

/** Copies a bundle in pieces beside its place, and puts it there once it is whole. Throws what the source or the storage throws, and leaves nothing then. */
export async function keepBundle(files: Files, id: string, bundle: ByteSource, signal?: AbortSignal): Promise<void> {
  const beside = `${bundleOf(id)}.new`;
  try {
    for (let at = 0; at < bundle.size; at += PIECE_BYTES) {
      const piece = await bundle.read(at, Math.min(PIECE_BYTES, bundle.size - at));
      signal?.throwIfAborted();
      await files.writeAt(beside, at, piece);
    }
    await files.move(beside, bundleOf(id));
  } catch (error) {
    await files.remove(beside).catch(() => undefined);
    throw error;
  }
}

export function removeRun(files: Files, id: string): Promise<void> {
  return files.remove(folderOf(id));
}

/** Every byte that is stored, by run and kind. */
export async function storedSizes(files: Files): Promise<RunSizes[]> {
  const sizes = new Map<string, RunSizes>();
  for (const { path, sizeBytes } of await files.list(RUNS)) {
    const [, id = '', name = ''] = path.split('/');
    const run = sizes.get(id) ?? { id, logBytes: 0, checkpointBytes: 0, inputBytes: 0, bundleBytes: 0 };
    sizes.set(id, run);
    if (name === 'log') run.logBytes += sizeBytes;
    else if (name === 'inputs') run.inputBytes += sizeBytes;
    else if (name.startsWith('bundle.zip')) run.bundleBytes += sizeBytes;
    else run.checkpointBytes += sizeBytes;
  }
  return [...sizes.values()];
}
