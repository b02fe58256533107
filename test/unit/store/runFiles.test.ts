// R28, R29, R31, R32: whatever call fails, wherever the process ends, whichever bit flips, what was acknowledged is read back whole.
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/formats/crc32.ts';
import { readLogRecords, logRecord } from '../../../src/store/logRecords.ts';
import {
  bundleLeavesRoom,
  keepBundle,
  keepInputs,
  keptInputs,
  leftByRuns,
  openCheckpoint,
  readLog,
  removeRun,
  RunWriter,
  storedSizes,
} from '../../../src/store/runFiles.ts';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { ENDED, findRun, goOn, said, state, stepsOf, wrongWith, writeRun } from '../../support/diskStory.ts';
import { FakeFiles } from '../../support/fakeFiles.ts';

const ID = 'a';
const input = (path: string, ...bytes: number[]) => ({ path, sizeBytes: bytes.length, read: async () => Uint8Array.from(bytes) });
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Gives the number of the last that was acknowledged. */
async function work(files: FakeFiles): Promise<number> {
  let acknowledged = 0;
  await writeRun(files, ID, (n) => {
    acknowledged = n;
  });
  return acknowledged;
}

async function bundleIn(files: FakeFiles): Promise<number[] | null> {
  return (await findRun(files, ID)).bundle;
}

async function found(files: FakeFiles): Promise<{ n: number; steps: number[] }> {
  const { n, steps, whole } = await findRun(files, ID);
  expect(whole).toBe(true);
  return { n, steps };
}

describe('a run on disk', () => {
  it('R28 a write fails at call n, for every n: nothing acknowledged is lost, the next checkpoint or the end is whole', async () => {
    const whole = new FakeFiles();
    expect(await work(whole)).toBe(ENDED);
    for (let n = 1; n <= whole.calls; n++) {
      const files = new FakeFiles();
      files.failAt = n;
      const acknowledged = await work(files);
      expect(wrongWith(await findRun(files.reopened(), ID), acknowledged), `failure at call ${n}`).toBe(null);
    }
  });

  it.each([0, 0.4, 0.99, 1])(
    'R29 every crash prefix, the last write torn at %f: the newest whole generation is chosen',
    async (tornShare) => {
      const whole = new FakeFiles();
      await work(whole);
      for (let n = 1; n <= whole.calls; n++) {
        const files = new FakeFiles();
        files.crashAt = n;
        files.tornShare = tornShare;
        const acknowledged = await work(files);
        const after = files.reopened();
        const before = await findRun(after, ID);
        expect(wrongWith(before, acknowledged), `crash at call ${n}`).toBe(null);
        // and it goes on from there
        if (before.n === 0) continue;
        await goOn(after, ID);
        expect(wrongWith(await findRun(after, ID), before.n + 1)).toBe(null);
      }
    },
  );

  it.each([false, true])(
    'R31 quota, silent: %s: the checkpoint rejects, the one before stays, and after space is freed it goes on',
    async (silent) => {
      const files = new FakeFiles();
      const writer = new RunWriter(files, ID);
      writer.take(said(1));
      await writer.checkpoint(state(1));
      const used = [...files.held.values()].reduce((n, b) => n + b.length, 0);
      files.roomBytes = used + 120;
      files.silent = silent;
      writer.take(said(2));
      await expect(writer.checkpoint(state(2))).rejects.toMatchObject({ name: 'StorageFull' });
      expect((await found(files.reopened())).n).toBe(1);
      files.roomBytes = Number.POSITIVE_INFINITY;
      await writer.checkpoint(state(3));
      expect(await found(files.reopened())).toEqual({ n: 3, steps: [1, 2] });
    },
  );

  it('R32 a flipped bit, every one of the newest generation: it is found and the other generation is given', async () => {
    const files = new FakeFiles();
    const writer = new RunWriter(files, ID);
    for (const n of upTo(4)) {
      writer.take(said(n));
      await writer.checkpoint(state(n));
    }
    const path = [...files.held.keys()].find((p) => p.endsWith('.even'))!;
    expect((await found(files)).n).toBe(4);
    for (let bit = 0; bit < files.held.get(path)!.length * 8; bit += 3) {
      const flipped = files.reopened();
      flipped.flip(path, bit);
      expect(await found(flipped), `bit ${bit}`).toEqual({ n: 3, steps: [1, 2, 3] });
      expect((await openCheckpoint(flipped, ID))!.otherDamaged).toBe(true);
    }
    expect((await openCheckpoint(files, ID))!.otherDamaged).toBe(false);
  });

  it('without room for both, the bundle of a run’s end takes the place of its checkpoints', async () => {
    const tight = new FakeFiles();
    const writer = new RunWriter(tight, ID);
    await writer.checkpoint(state(1));
    tight.roomBytes = [...tight.held.values()].reduce((n, b) => n + b.length, 0) + 10;
    await writer.end(new Uint8Array(60));
    expect((await bundleIn(tight))!.length).toBe(60);
  });

  it('copies a bundle beside its place, and leaves nothing of one that does not fit, cannot be read or is stopped', async () => {
    const files = new FakeFiles();
    const source = fromBytes('b', Uint8Array.of(1, 2, 3));
    files.roomBytes = 2;
    await expect(keepBundle(files, ID, source)).rejects.toMatchObject({ name: 'StorageFull' });
    files.roomBytes = 3;
    await expect(keepBundle(files, ID, { ...source, read: () => Promise.reject(new Error('gone')) })).rejects.toThrow('gone');
    await expect(keepBundle(files, ID, source, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    expect([files.held.size, await bundleIn(files)]).toEqual([0, null]);
    expect([await bundleLeavesRoom(files, ID, 1), await bundleLeavesRoom(files, ID, 2)]).toEqual([true, false]);
    await keepBundle(files, ID, source);
    expect([files.held.size, await bundleIn(files)]).toEqual([1, [1, 2, 3]]);
  });

  it('gives what was said after the checkpoint apart: it will be said again', async () => {
    const files = new FakeFiles();
    const writer = new RunWriter(files, ID);
    writer.take(said(1));
    const safe = writer.checkpoint(state(1));
    writer.take(said(2));
    await safe;
    writer.take(said(3));
    await writer.flush();
    const kept = (await openCheckpoint(files, ID))!;
    expect(stepsOf(kept.events)).toEqual([1]);
    expect(stepsOf(kept.repeated)).toEqual([2, 3]);
    expect(stepsOf((await readLog(files, ID)).events)).toEqual([1, 2, 3]);
    kept.writer.take(said(2));
    await kept.writer.flush();
    expect(stepsOf((await readLog(files, ID)).events)).toEqual([1, 2]);
  });

  it('copies what a run was given, smaller files first, up to a limit; a file without a whole copy is named all the same', async () => {
    const files = new FakeFiles();
    const long = 'x'.repeat(200);
    expect(await keptInputs(files, ID)).toBe(null);
    await keepInputs(files, ID, [input('b', 1, 2, 3), input('a', 4), input(long, 5), input('c', 6, 7)], 5);
    const kept = (await keptInputs(files, ID))!;
    expect(kept.map(({ path, sizeBytes, bytes }) => [path, sizeBytes, bytes && [...bytes]])).toEqual([
      ['a', 1, [4]],
      [long, 1, null],
      ['c', 2, [6, 7]],
      ['b', 3, null],
    ]);
    expect(kept.map(({ sha256 }) => sha256 !== null)).toEqual([true, false, true, false]);
    const name = [...files.held.keys()].find((path) => path.endsWith('/63'))!;
    files.held.get(name)![1]! ^= 1;
    expect((await keptInputs(files, ID))![2]).toEqual({ ...kept[2], bytes: null });
  });

  it('at the end leaves the log and the bundle, and counts every byte by run and kind until it is removed', async () => {
    const files = new FakeFiles();
    await keepInputs(files, ID, [input('../models/a b.bin', 1, 2)], 10);
    expect([...files.held.keys()].every((path) => path.startsWith('runs/a/') && !path.includes('..'))).toBe(true);
    const listBytes = files.held.get('runs/a/inputs/list')!.length;
    const writer = new RunWriter(files, ID);
    writer.take(said(1));
    await writer.checkpoint(state(1));
    expect(await leftByRuns(files)).toEqual({ resumable: new Set([ID]), bundled: new Set() });
    const [held] = await storedSizes(files);
    expect(held!.checkpointBytes).toBeGreaterThan(50);
    expect(held!.inputBytes).toBe(2 + listBytes);
    await writer.end(Uint8Array.of(9, 9, 9));
    expect(await bundleIn(files)).toEqual([9, 9, 9]);
    expect(await leftByRuns(files)).toEqual({ resumable: new Set(), bundled: new Set([ID]) });
    const sizes = await storedSizes(files);
    expect(sizes).toEqual([{ id: ID, logBytes: files.held.get('runs/a/log')!.length, checkpointBytes: 0, inputBytes: 0, bundleBytes: 3 }]);
    await removeRun(files, ID);
    expect(files.held.size).toBe(0);
  });
});

describe('records of a log', () => {
  const log = new Uint8Array([1, 2, 3].flatMap((n) => [...logRecord([said(n)])]));

  it('are read up to any place where they are cut', () => {
    const size = log.length / 3;
    for (let n = 0; n <= log.length; n++) {
      const { events, endBytes } = readLogRecords(log.subarray(0, n));
      expect(stepsOf(events)).toEqual(upTo(Math.floor(n / size)));
      expect(endBytes).toBe(Math.floor(n / size) * size);
    }
  });

  it('lose the damaged one alone, whichever bit flips', () => {
    const size = log.length / 3;
    for (let bit = size * 8; bit < 2 * size * 8; bit++) {
      const bytes = log.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const { events, lost } = readLogRecords(bytes);
      expect(stepsOf(events), `bit ${bit}`).toEqual([1, 3]);
      expect(lost).toBeGreaterThan(0);
    }
  });

  it('have the checksum that zip has', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});
