// A run bundle: one zip whose bytes depend on its files alone (names sorted, time fixed), so that equal runs give equal bundles.
// Refuses names that would leave the folder into which the zip is unpacked.
import { type Zippable, zipSync } from 'fflate';

/** Text is written as UTF-8. Weights hardly compress, and Parquet is packed already: both are stored as they are. */
export function writeBundle(files: Readonly<Record<string, Uint8Array | string>>): Uint8Array {
  const entries: Zippable = {};
  // The zip epoch in local time: zip times have no zone, so the bytes are the same everywhere.
  const mtime = new Date(1980, 0, 1);
  for (const name of Object.keys(files).sort()) {
    if (name === '' || name.startsWith('/') || name.includes('\\') || name.split('/').includes('..')) {
      throw new Error(`${JSON.stringify(name)} cannot be a name in a bundle: use a relative path without "..".`);
    }
    const content = files[name]!;
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    entries[name] = [bytes, { level: /\.(safetensors|parquet)$/.test(name) ? 0 : 6, mtime }];
  }
  return zipSync(entries);
}
