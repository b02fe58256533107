// A file system in memory for the store's tests: it can fail at call n, stop for good after n calls with the last one torn (a crash), keep a part of
// what is written and say nothing, run full, and have a bit flipped.
import { type Files, StorageFull, StorageGone } from '../../src/store/files.ts';

class Crash extends Error {}

export class FakeFiles implements Files {
  readonly held = new Map<string, Uint8Array<ArrayBuffer>>();
  calls = 0;
  failAt = Number.POSITIVE_INFINITY;
  crashAt = Number.POSITIVE_INFINITY;
  /** Of the write that a crash falls on, this share is on disk. */
  tornShare = 0.5;
  roomBytes = Number.POSITIVE_INFINITY;
  /** Writes over the room are cut without an error. */
  silent = false;

  /** As another process finds it. */
  reopened(): FakeFiles {
    const files = new FakeFiles();
    for (const [path, bytes] of this.held) files.held.set(path, bytes.slice());
    return files;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    this.call();
    return this.held.get(path)?.slice() ?? null;
  }
  async open(path: string): Promise<Blob | null> {
    const bytes = await this.read(path);
    return bytes && new Blob([bytes]);
  }
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.writeAt(path, 0, bytes);
  }
  async writeAt(path: string, at: number, bytes: Uint8Array): Promise<void> {
    this.call(() => this.put(path, at, bytes.slice(0, Math.floor(bytes.length * this.tornShare))));
    const before = this.held.get(path)?.length ?? 0;
    const used = [...this.held.values()].reduce((n, b) => n + b.length, 0) - before;
    const room = this.roomBytes - used - at;
    if (bytes.length > room) {
      if (!this.silent) throw new StorageFull('full');
      this.put(path, at, bytes.slice(0, Math.max(0, room)));
      return;
    }
    this.put(path, at, bytes);
  }
  async hasRoom(_path: string, sizeBytes: number): Promise<boolean> {
    this.call();
    return sizeBytes <= this.roomBytes - [...this.held.values()].reduce((n, b) => n + b.length, 0);
  }
  async move(from: string, to: string): Promise<void> {
    this.call();
    const bytes = this.held.get(from);
    if (!bytes) throw new StorageGone(`no ${from}`);
    this.held.delete(from);
    this.held.set(to, bytes);
  }
  async remove(path: string): Promise<void> {
    this.call();
    for (const name of [...this.held.keys()]) if (name === path || name.startsWith(`${path}/`)) this.held.delete(name);
  }
  async list(folder: string): Promise<{ path: string; sizeBytes: number }[]> {
    this.call();
    return [...this.held].filter(([path]) => path.startsWith(`${folder}/`)).map(([path, bytes]) => ({ path, sizeBytes: bytes.length }));
  }

  flip(path: string, bit: number): void {
    const bytes = this.held.get(path)!;
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }

  private put(path: string, at: number, bytes: Uint8Array): void {
    const whole = new Uint8Array(at + bytes.length);
    whole.set((this.held.get(path) ?? new Uint8Array()).subarray(0, at));
    whole.set(bytes, at);
    this.held.set(path, whole);
  }

  private call(torn: () => void = () => undefined): void {
    this.calls++;
    if (this.calls > this.crashAt) throw new Crash('the process is gone');
    if (this.calls === this.crashAt) {
      torn();
      throw new Crash('the process is gone');
    }
    if (this.calls === this.failAt) throw new StorageGone(`call ${this.calls} failed`);
  }
}
