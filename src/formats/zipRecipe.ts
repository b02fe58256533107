// The recipe and the log inside a run bundle (.zip), and the names of its models. Only the entries recipe.json and log.jsonl are unpacked, into memory, up
// to their caps. Refuses (FormatError) what zipEntries.ts refuses, and zips without a recipe.json.
import type { ByteSource } from './byteSource.ts';
import { FormatError, quote } from './formatError.ts';
import { decodeUtf8 } from './json.ts';
import { openZipEntry, readZipEntries } from './zipEntries.ts';

export const MAX_RECIPE_BYTES = 256_000;
const MAX_LOG_BYTES = 128_000_000;

export interface ZippedRun {
  recipeText: string;
  /** null where the bundle has none. */
  logText: string | null;
  /** It has model folders (bundleModels.ts reads them). */
  hasModels: boolean;
}

export async function readZipRun(source: ByteSource): Promise<ZippedRun> {
  const file = quote(source.name);
  const entries = await readZipEntries(source);
  const read = async (name: string, capBytes: number): Promise<string | null> => {
    const entry = entries.get(name);
    if (!entry) return null;
    const opened = await openZipEntry(source, entry, capBytes);
    return decodeUtf8(await opened.read(0, opened.size), `${file}: ${name}`);
  };
  const recipeText = await read('recipe.json', MAX_RECIPE_BYTES);
  if (recipeText === null)
    throw new FormatError(`${file} is a zip file without a recipe.json, so no run bundle. Unpack it and drop what is inside.`);
  const hasModels = [...entries.keys()].some((name) => /^model\/[^/]+\/[^/]+\.safetensors$/.test(name));
  return { recipeText, logText: await read('log.jsonl', MAX_LOG_BYTES), hasModels };
}
