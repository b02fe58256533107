// The recipe inside a run bundle (.zip). Only the entry named recipe.json is unpacked, into memory, up to its cap; nothing else is touched.
// Refuses (FormatError) damaged zips, zips with too many or no such entries, and a recipe over the cap.
import { unzipSync } from 'fflate';
import { type ByteSource, readAll } from './byteSource.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { decodeUtf8 } from './json.ts';

export const MAX_RECIPE_BYTES = 256_000;
const MAX_ZIP_BYTES = 1_000_000_000;
const MAX_ENTRIES = 10_000;

export async function readZipRecipe(source: ByteSource): Promise<string> {
  const file = quote(source.name);
  const bytes = await readAll(source, MAX_ZIP_BYTES);
  let entries = 0;
  let found: Uint8Array | undefined;
  try {
    const unzipped = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (++entries > MAX_ENTRIES) throw new FormatError(`${file} has more than ${MAX_ENTRIES} entries and is not read.`);
        if (name !== 'recipe.json') return false;
        if (originalSize > MAX_RECIPE_BYTES) {
          throw new FormatError(`${file}: its recipe.json has ${showBytes(originalSize)}; up to ${showBytes(MAX_RECIPE_BYTES)} are read.`);
        }
        return true;
      },
    });
    found = unzipped['recipe.json'];
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${file} is a damaged zip file. Download it again.`);
  }
  if (!found) throw new FormatError(`${file} is a zip file without a recipe.json, so no run bundle. Unpack it and drop what is inside.`);
  return decodeUtf8(found, `${file}: recipe.json`);
}
