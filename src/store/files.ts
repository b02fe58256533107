// The few things that the store asks of a file system, so that tests can lend one that fails, tears and flips where they say.
// Promises of an implementation: `write` settles when the whole file is there and closed, `move` replaces, a failure is one of the errors below.
// Paths are names joined by "/"; folders come and go with their files.

/** There is no room: what is stored stays as it was. */
export class StorageFull extends Error {
  override name = 'StorageFull';
}
/** Storage cannot be used at all, or not any more. */
export class StorageGone extends Error {
  override name = 'StorageGone';
}

export interface Files {
  /** Null where there is no such file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** The same without reading it yet. */
  open(path: string): Promise<Blob | null>;
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Writes at `at` (the end of what is to stay), cuts what was behind it, and makes sure that it is on disk. */
  writeAt(path: string, at: number, bytes: Uint8Array): Promise<void>;
  /** Whether so many bytes more would fit now, by trying it with a file of that name, which is gone then. */
  hasRoom(path: string, sizeBytes: number): Promise<boolean>;
  move(from: string, to: string): Promise<void>;
  /** A file or a whole folder; nothing where there is none. */
  remove(path: string): Promise<void>;
  /** Every file under a folder, by path. */
  list(folder: string): Promise<{ path: string; sizeBytes: number }[]>;
}
