// Where things are: the repository's root and the folders that scripts write. Works from the sources and from a bundle of them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder whose package.json is this project's, looked for upwards from this file. */
function findRoot() {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'ra3-lab') return dir;
    if (dirname(dir) === dir) throw new Error(`No package.json of ra3-lab in any folder above ${fileURLToPath(import.meta.url)}.`);
  }
}

export const ROOT = findRoot();
/** Unpacked programs and locks; safe to delete. */
export const CACHE = join(ROOT, '.cache');
export const PAGE_DIR = join(ROOT, 'dist', 'page');
export const HEADLESS_DIR = join(ROOT, 'dist', 'headless');
