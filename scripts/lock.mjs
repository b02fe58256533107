// One process at a time through a piece of work (installing, building, unpacking). The lock is a folder holding the owner's process id;
// the lock of a process that is gone is taken over. Refuses to wait for ever.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const WAIT_LIMIT_MS = 15 * 60_000;

/**
 * Runs `work` while holding the lock at `path`.
 * @template T
 * @param {string} path
 * @param {() => Promise<T> | T} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  const started = Date.now();
  mkdirSync(dirname(path), { recursive: true });
  while (!tryTake(path)) {
    if (ownerIsGone(path)) rmSync(path, { recursive: true, force: true });
    else if (Date.now() - started > WAIT_LIMIT_MS) {
      throw new Error(
        `Waited ${WAIT_LIMIT_MS / 60_000} minutes for another process that holds ${path}. If none is running, delete that folder.`,
      );
    } else await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** @param {string} path */
function tryTake(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(path, 'pid'), String(process.pid));
  return true;
}

/** @param {string} path */
function ownerIsGone(path) {
  try {
    const pid = Number(readFileSync(join(path, 'pid'), 'utf8'));
    if (pid > 0) {
      try {
        process.kill(pid, 0);
        return false;
      } catch (error) {
        return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH';
      }
    }
  } catch {
    // The id is not written yet, or the lock has just been released: only an old lock without an id is abandoned.
  }
  try {
    return Date.now() - statSync(path).mtimeMs > 10_000;
  } catch {
    return false;
  }
}
