// The lock that keeps two processes from installing, building or unpacking at once.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withLock } from '../../../scripts/lock.mjs';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ra3-lab-lock-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('lets one through at a time', async () => {
  const path = join(folder, 'a.lock');
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside--;
  };
  await Promise.all(Array.from({ length: 4 }, () => withLock(path, work)));
  expect(most).toBe(1);
});

it('is free again after a failure', async () => {
  const path = join(folder, 'b.lock');
  await expect(
    withLock(path, () => {
      throw new Error('no space left');
    }),
  ).rejects.toThrow('no space left');
  expect(existsSync(path)).toBe(false);
});

it('takes over from a process that is gone', async () => {
  const path = join(folder, 'c.lock');
  mkdirSync(path);
  writeFileSync(join(path, 'pid'), '2147483646');
  expect(await withLock(path, () => 'done')).toBe('done');
});
