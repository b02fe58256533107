// R16: zip files that are made to harm whoever unpacks them, as data: what each is, its bytes, and what must be said of it.
import { writeBundle } from '../../src/share/bundle.ts';

const RECIPE = '{"version":1,"arms":[],"task":{}}';

/** A name that leaves the folder, which writeBundle refuses to write. */
function renamed(): Uint8Array {
  const bytes = Uint8Array.from(writeBundle({ 'aa/recipe.json': RECIPE }));
  for (let i = 0; i < bytes.length - 3; i++) {
    if (bytes[i] === 0x61 && bytes[i + 1] === 0x61 && bytes[i + 2] === 0x2f) bytes.set([0x2e, 0x2e], i);
  }
  return bytes;
}

/** The directory says that an entry has `sizeBytes`. */
function lying(sizeBytes: number): Uint8Array {
  const bytes = Uint8Array.from(writeBundle({ 'recipe.json': JSON.stringify({ pad: ' '.repeat(100_000) }) }));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < bytes.length - 28; i++) {
    if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 24, sizeBytes, true);
  }
  return bytes;
}

export const HOSTILE_ZIPS: readonly (readonly [name: string, bytes: Uint8Array, said: RegExp])[] = [
  [
    'a bomb in the log',
    writeBundle({ 'recipe.json': RECIPE, 'log.jsonl': '\n'.repeat(2_000_000) }),
    /log\.jsonl unpacks to \d+ times its size, .*It is not read\./,
  ],
  ['a bomb in the recipe', writeBundle({ 'recipe.json': ' '.repeat(5_000_000) }), /recipe\.json has 5000 kB; up to 256 kB are read\./],
  ['a name that leaves the folder', renamed(), /without a recipe\.json, so no run bundle\. Unpack it and drop what is inside\./],
  [
    'no recipe',
    writeBundle({ 'sub/recipe.json': RECIPE }),
    /without a recipe\.json, so no run bundle\. Unpack it and drop what is inside\./,
  ],
  ['a size that is too small', lying(10), /is a damaged zip file\. Download it again\./],
  ['a size of 4 GB', lying(0xfffffffe), /recipe\.json has 4295 MB; up to 256 kB are read\./],
  ['cut short', writeBundle({ 'recipe.json': RECIPE }).subarray(0, 60), /is a damaged zip file\. Download it again\./],
];
