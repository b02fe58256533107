// The origin's private file system as Files, in a worker. Promises that a write that the browser cut short is an error: a synchronous write counts
// its bytes and asks for the file's size, since without room some contexts return nonsense and throw nothing. Refuses browsers without OPFS (StorageGone).
import { type Files, StorageFull, StorageGone } from './files.ts';

/** Throws StorageGone where there is none. */
export async function openOpfs(): Promise<Files> {
  const { storage } = navigator;
  if (!storage?.getDirectory) throw new StorageGone('This browser has no private file system.');
  const root = await guarded(() => storage.getDirectory());
  return new Opfs(root);
}

class Opfs implements Files {
  private readonly root: FileSystemDirectoryHandle;
  constructor(root: FileSystemDirectoryHandle) {
    this.root = root;
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return guarded(async () => {
      const file = await this.open(path);
      return file && new Uint8Array(await file.arrayBuffer());
    });
  }

  open(path: string): Promise<Blob | null> {
    return guarded(async () => (await this.find(path))?.getFile() ?? null);
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.writeAt(path, 0, bytes);
  }

  writeAt(path: string, at: number, bytes: Uint8Array): Promise<void> {
    return guarded(async () => {
      const access = await (await this.make(path)).createSyncAccessHandle();
      try {
        access.truncate(at);
        const written = access.write(bytes as Uint8Array<ArrayBuffer>, { at });
        access.flush();
        const size = access.getSize();
        if (written !== bytes.length || size !== at + bytes.length) {
          access.truncate(at);
          throw new StorageFull(`The browser's storage for this page is full: ${bytes.length} bytes did not fit.`);
        }
      } finally {
        access.close();
      }
    });
  }

  /** By a file of that length, which has no bytes yet: browsers do not tell pages their true quota. */
  async hasRoom(path: string, sizeBytes: number): Promise<boolean> {
    try {
      return await guarded(async () => {
        const access = await (await this.make(path)).createSyncAccessHandle();
        try {
          access.truncate(sizeBytes);
          return access.getSize() === sizeBytes;
        } finally {
          access.close();
        }
      });
    } catch (error) {
      if (error instanceof StorageFull) return false;
      throw error;
    } finally {
      await this.remove(path);
    }
  }

  move(from: string, to: string): Promise<void> {
    return guarded(async () => {
      const handle = await this.find(from);
      if (!handle) throw new StorageGone(`The stored file ${from} is gone.`);
      const name = to.slice(to.lastIndexOf('/') + 1);
      // in every browser that has synchronous access; the type library does not know it
      await (handle as FileSystemFileHandle & { move(name: string): Promise<void> }).move(name);
    });
  }

  remove(path: string): Promise<void> {
    return guarded(async () => {
      const folder = await this.folder(parentOf(path), false);
      await folder?.removeEntry(nameOf(path), { recursive: true }).catch(ignoreMissing);
    });
  }

  list(path: string): Promise<{ path: string; sizeBytes: number }[]> {
    return guarded(async () => {
      const found: { path: string; sizeBytes: number }[] = [];
      const walk = async (folder: FileSystemDirectoryHandle, at: string): Promise<void> => {
        for await (const [name, handle] of folder.entries()) {
          if (handle.kind === 'directory') await walk(handle as FileSystemDirectoryHandle, `${at}/${name}`);
          else found.push({ path: `${at}/${name}`, sizeBytes: (await (handle as FileSystemFileHandle).getFile()).size });
        }
      };
      const folder = await this.folder(path, false);
      if (folder) await walk(folder, path);
      return found;
    });
  }

  private async folder(path: string, create: boolean): Promise<FileSystemDirectoryHandle | null> {
    let folder = this.root;
    for (const name of path.split('/').filter(Boolean)) {
      const next = await folder.getDirectoryHandle(name, { create }).catch(ignoreMissing);
      if (!next) return null;
      folder = next;
    }
    return folder;
  }

  private async find(path: string): Promise<FileSystemFileHandle | null> {
    const folder = await this.folder(parentOf(path), false);
    return (await folder?.getFileHandle(nameOf(path)).catch(ignoreMissing)) ?? null;
  }

  private async make(path: string): Promise<FileSystemFileHandle> {
    const folder = (await this.folder(parentOf(path), true)) as FileSystemDirectoryHandle;
    return folder.getFileHandle(nameOf(path), { create: true });
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function ignoreMissing(error: unknown): null {
  if (error instanceof DOMException && error.name === 'NotFoundError') return null;
  throw error;
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageFull || error instanceof StorageGone) throw error;
    const { name, message } = error as Error;
    if (name === 'QuotaExceededError') throw new StorageFull('The browser’s storage for this page is full.');
    throw new StorageGone(`The browser’s storage failed: ${message || name}.`);
  }
}
