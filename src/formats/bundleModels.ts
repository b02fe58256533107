// The models in a run bundle: each folder model/NAME/ read as a dropped model folder is, with the same checks, weights by slices of the zip.
// Refuses (FormatError) what zipEntries.ts and dropped.ts refuse, folders that hold no model, and files over their caps, before they are read.
import type { ByteSource } from './byteSource.ts';
import { type DroppedFile, type DroppedModel, recognise } from './dropped.ts';
import { FormatError, quote } from './formatError.ts';
import { openZipEntry, readZipEntries } from './zipEntries.ts';

/** Of weights that are stored as they are; of packed ones, which have to be in memory; of every other file. */
const MAX_STORED_BYTES = 4_000_000_000;
const MAX_PACKED_BYTES = 512_000_000;
const MAX_SMALL_BYTES = 64_000_000;

/** By the name of their folder; only names that `isWanted` are read. */
export async function readBundleModels(source: ByteSource, isWanted: (name: string) => boolean): Promise<Map<string, DroppedModel>> {
  const folders = new Map<string, DroppedFile[]>();
  for (const [path, entry] of await readZipEntries(source)) {
    const [, name, file] = /^model\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (name === undefined || file === undefined || !isWanted(name)) continue;
    const weights = file.endsWith('.safetensors');
    const cap = !weights ? MAX_SMALL_BYTES : entry.deflated ? MAX_PACKED_BYTES : MAX_STORED_BYTES;
    const opened = await openZipEntry(source, entry, cap);
    folders.set(name, [...(folders.get(name) ?? []), { path, source: { ...opened, name: file } }]);
  }
  const models = new Map<string, DroppedModel>();
  for (const [name, files] of folders) {
    const { model, recognised } = await recognise(files);
    const [problem] = recognised.problems;
    if (problem) throw new FormatError(`${quote(source.name)}: its ${quote(problem.file)} cannot be read: ${problem.message}`);
    if (!model) throw new FormatError(`${quote(source.name)}: its folder model/${name} holds no whole model. Export the bundle again.`);
    models.set(name, { ...model, name });
  }
  return models;
}
