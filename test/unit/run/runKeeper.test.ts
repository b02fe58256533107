// The keeper of a run: when checkpoints are made, what a full disk and lost storage do to the run, and that steps never wait for the log.
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/run/events.ts';
import type { Checkpoint } from '../../../src/run/runCore.ts';
import { RunKeeper } from '../../../src/run/runKeeper.ts';
import { decodeState } from '../../../src/run/stateBytes.ts';
import { openBundle, openCheckpoint, readLog, RunWriter } from '../../../src/store/runFiles.ts';
import { FakeFiles } from '../../support/fakeFiles.ts';

const said: RunEvent = { type: 'metrics', stage: 'rlvr', arm: 'ra3', step: 1, values: {} };
const state = (elapsedMs: number): Checkpoint => ({
  progressed: { snapshot: null as never, stage: 0, finished: [], said: new Map() },
  results: [],
  samples: new Map(),
  unjudgedSaid: [],
  verifierLost: null,
  adapter: { vendor: '', architecture: '', description: '', software: true, features: [] },
  version: '0',
  elapsedMs,
});

function kept(files = new FakeFiles(), intervalMs = 1e6) {
  const told: [string, boolean][] = [];
  const keeper = new RunKeeper(new RunWriter(files, 'a'), (message, held) => told.push([message, held]), intervalMs);
  const run = { pauses: 0 };
  keeper.pauseBy(() => {
    run.pauses++;
  });
  const newest = async () => (decodeState((await openCheckpoint(files.reopened(), 'a'))!.state) as Checkpoint).elapsedMs;
  return { files, told, keeper, run, newest };
}

describe('keeping a run', () => {
  it('makes a checkpoint at once, then at intervals, and whenever the run is held', async () => {
    const { keeper, newest } = kept();
    await keeper.keep(() => state(1), false);
    await keeper.keep(() => state(2), false);
    expect(await newest()).toBe(1);
    await keeper.keep(() => state(3), true);
    expect(await newest()).toBe(3);
  });

  it('R31 on a full disk pauses the run and says so; the next try after space is freed is whole', async () => {
    const { files, keeper, told, run, newest } = kept(new FakeFiles(), 0);
    keeper.take(said);
    await keeper.keep(() => state(1), false);
    files.roomBytes = 0;
    await keeper.keep(() => state(2), false);
    await keeper.keep(() => state(2), true);
    expect(told).toEqual([[expect.stringMatching(/paused/), true]]);
    expect(run.pauses).toBeGreaterThan(0);
    files.roomBytes = Number.POSITIVE_INFINITY;
    await keeper.keep(() => state(3), false);
    expect(await newest()).toBe(3);
  });

  it('R34 storage that goes away is said once, and the run goes on', async () => {
    const { files, keeper, told, run } = kept(new FakeFiles(), 0);
    files.failAt = 1;
    await keeper.keep(() => state(1), false);
    await keeper.keep(() => state(2), false);
    await keeper.end(async () => new Uint8Array());
    expect(told).toEqual([[expect.stringMatching(/in memory alone/), false]]);
    expect(run.pauses).toBe(0);
  });

  it('keeps everything that was said but progress, and at the end the bundle', async () => {
    const { files, keeper } = kept();
    keeper.take(said);
    keeper.take({ type: 'progress', stage: 'rlvr', arm: 'ra3', done: 1, total: 2, overall: 0.5, leftMs: null });
    await keeper.end(async () => Uint8Array.of(1));
    expect((await readLog(files, 'a')).events).toEqual([said]);
    expect(new Uint8Array(await (await openBundle(files, 'a'))!.arrayBuffer())).toEqual(Uint8Array.of(1));
  });
});
