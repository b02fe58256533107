// What the build writes for the service worker, once everything else of the page is in its folder: the name of the build into index.html, and
// the list of files with their hashes in front of sw.js. Refuses a folder without either.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Python's files: 13 MB that only a run on Python problems needs. */
const REST = /^assets\/(pyodide|python_stdlib)/;
/** Not of the page: the command line's own, and what would be a list of itself. */
const LEFT_OUT = /^(headless\.html|assets\/headless-.*|sw\.js|\.built-from)$/;

/** @param {string} dir the built page */
export function writeSiteFiles(dir) {
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(dir.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((path) => !LEFT_OUT.test(path))
    .sort();
  const build = createHash('sha256');
  for (const path of paths) build.update(`${path}\0`).update(readFileSync(join(dir, path)));
  const name = build.digest('hex').slice(0, 16);
  const index = join(dir, 'index.html');
  writeFileSync(index, readFileSync(index, 'utf8').replace('<head>', `<head>\n    <meta name="build" content="${name}">`));
  /** @param {(path: string) => boolean} wanted */
  const list = (wanted) => Object.fromEntries(paths.filter(wanted).map((path) => [path, hashesOf(path, readFileSync(join(dir, path)))]));
  const files = { build: name, core: list((path) => !REST.test(path)), rest: list((path) => REST.test(path)) };
  const script = join(dir, 'sw.js');
  writeFileSync(script, `self.site=${JSON.stringify(files)};\n${readFileSync(script, 'utf8')}`);
}

/** Hosts may inflate what is gzipped: then browsers get the inflated bytes. @param {string} path @param {Buffer} bytes */
function hashesOf(path, bytes) {
  const hash = (/** @type {Buffer} */ of) => createHash('sha256').update(of).digest('hex');
  return path.endsWith('.gz') ? [hash(bytes), hash(gunzipSync(bytes))] : [hash(bytes)];
}
