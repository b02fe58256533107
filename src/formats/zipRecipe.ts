// The recipe and the log inside a run bundle (.zip). Only the entries recipe.json and log.jsonl are unpacked, into memory, up to their caps; nothing else
// is touched. Refuses (FormatError) damaged zips, zips with too many or no such entries, and entries over their caps.
import { unzipSync } from 'fflate';
import { type ByteSource, readAll } from './byteSource.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { decodeUtf8 } from './json.ts';

export const MAX_RECIPE_BYTES = 256_000;
const MAX_LOG_BYTES = 128_000_000;
const MAX_ZIP_BYTES = 1_000_000_000;
const MAX_ENTRIES = 10_000;
/** Text compresses to a fifth or a tenth; a bomb to a thousandth. */
const MAX_RATIO = 100;
const CAPS: Record<string, number> = { 'recipe.json': MAX_RECIPE_BYTES, 'log.jsonl': MAX_LOG_BYTES };

export interface ZippedRun {
  recipeText: string;
  /** null where the bundle has none. */
  logText: string | null;
}

export async function readZipRun(source: ByteSource): Promise<ZippedRun> {
  const file = quote(source.name);
  const bytes = await readAll(source, MAX_ZIP_BYTES);
  let entries = 0;
  let found: Record<string, Uint8Array>;
  try {
    found = unzipSync(bytes, {
      filter: ({ name, originalSize, size }) => {
        if (++entries > MAX_ENTRIES) throw new FormatError(`${file} has more than ${MAX_ENTRIES} entries and is not read.`);
        const cap = Object.hasOwn(CAPS, name) ? CAPS[name]! : 0;
        if (cap === 0) return false;
        if (originalSize > cap)
          throw new FormatError(`${file}: its ${name} has ${showBytes(originalSize)}; up to ${showBytes(cap)} are read.`);
        if (originalSize > MAX_RECIPE_BYTES && originalSize > size * MAX_RATIO)
          throw new FormatError(
            `${file}: its ${name} unpacks to ${Math.round(originalSize / size)} times its size, which no log does. It is not read.`,
          );
        return true;
      },
    });
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${file} is a damaged zip file. Download it again.`);
  }
  const recipe = found['recipe.json'];
  const log = found['log.jsonl'];
  if (!recipe) throw new FormatError(`${file} is a zip file without a recipe.json, so no run bundle. Unpack it and drop what is inside.`);
  return {
    recipeText: decodeUtf8(recipe, `${file}: recipe.json`),
    logText: log ? decodeUtf8(log, `${file}: log.jsonl`) : null,
  };
}
