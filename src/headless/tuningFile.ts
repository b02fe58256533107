// The tuner's memory on disk: .cache/tuning.json, one entry per adapter; safe to delete. A file that is not readable counts as empty and is
// written anew.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TuningStore } from '../engine/tuner.ts';
import { CACHE } from '../../scripts/paths.mjs';

export function tuningFile(path = join(CACHE, 'tuning.json')): TuningStore {
  const entries = (): Record<string, unknown> => {
    try {
      const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      return {};
    }
  };
  return {
    async read(key) {
      const all = entries();
      return Object.hasOwn(all, key) && typeof all[key] === 'string' ? all[key] : null;
    },
    async write(key, value) {
      mkdirSync(dirname(path), { recursive: true });
      const next = `${path}.${process.pid}`;
      writeFileSync(next, `${JSON.stringify({ ...entries(), [key]: value }, null, 1)}\n`);
      renameSync(next, path);
    },
  };
}
