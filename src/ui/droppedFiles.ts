// Files out of a drop or a picker, folders walked, each with its path relative to what was dropped. Refuses more than MAX_FILES files.

export interface DroppedFile {
  path: string;
  file: File;
}

const MAX_FILES = 2000;

export function filesOfPicker(list: FileList | null): DroppedFile[] {
  if (list && list.length > MAX_FILES) throw tooMany();
  return [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** Must be called before the drop event ends: entries are gone after. */
export async function filesOfDrop(transfer: DataTransfer): Promise<DroppedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found: DroppedFile[] = [];
  for (const entry of entries) await walk(entry, entry.name, found);
  return found;
}

function tooMany(): Error {
  return new Error(`it holds more than ${MAX_FILES} files. Drop the model folder or the dataset alone.`);
}

async function walk(entry: FileSystemEntry, path: string, found: DroppedFile[]): Promise<void> {
  if (isFile(entry)) {
    if (found.length >= MAX_FILES) throw tooMany();
    found.push({ path, file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)) });
  } else if (isFolder(entry)) {
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (batch.length === 0) return;
      for (const inner of batch) await walk(inner, `${path}/${inner.name}`, found);
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
