// Where the small real model and the public benchmark files lie, if they are there; tests that need them skip and say so.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../shared/', import.meta.url));

/** Bytes of one file of models/stories260K. */
export function storiesFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${root}models/stories260K/${name}`));
}

/** Bytes of one public benchmark file. */
export function benchmarkFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${root}data/${name}`));
}

export const hasStories = isThere('models/stories260K/model.safetensors');
export const hasBenchmarks = isThere('data/HumanEval.jsonl.gz');

function isThere(path: string): boolean {
  const there = existsSync(root + path);
  if (!there) console.warn(`Skipped: ${path} is not beside the repository.`);
  return there;
}
