// The log as the page reads it: order kept, cuts exact, nothing drawn backwards, gaps kept.
import { describe, expect, it } from 'vitest';
import { type RunEvent, RunLog, toJsonLines, WHOLE } from '../../../src/app/runLog.ts';

const metrics = (step: number, value: number | null, iteration = 1): RunEvent => ({
  type: 'metrics',
  stage: 'e-step',
  arm: 'ra3',
  iteration,
  step,
  values: { 'reward/line': value },
});

function logOf(...events: RunEvent[]): RunLog {
  const log = new RunLog();
  log.append(events);
  return log;
}

describe('a run log', () => {
  it('cuts a curve at any event', () => {
    const log = logOf(metrics(0, 1), metrics(1, 2), metrics(2, 3));
    const [curve] = log.curvesOf('e-step', 'reward/line');
    expect([...curve!.before(2).values]).toEqual([1, 2]);
    expect([...curve!.before(WHOLE).values]).toEqual([1, 2, 3]);
    expect(curve!.before(0).steps).toHaveLength(0);
  });

  it('never draws a resumed run backwards: repeated steps replace what they repeat', () => {
    const log = logOf(metrics(0, 1), metrics(1, 2), metrics(2, 3), metrics(1, 20), metrics(2, 30));
    const { steps, values } = log.curvesOf('e-step', 'reward/line')[0]!.before(WHOLE);
    expect([...steps]).toEqual([0, 1, 2]);
    expect([...values]).toEqual([1, 20, 30]);
  });

  it('keeps a value that was not finite as a gap', () => {
    const { values } = logOf(metrics(0, 1), metrics(1, null)).curvesOf('e-step', 'reward/line')[0]!.before(WHOLE);
    expect(values[1]).toBeNaN();
  });

  it('finds the newest finite value of a metric before a cut', () => {
    const log = logOf(metrics(0, 5), metrics(0, 7, 2), metrics(1, null, 2));
    expect(log.latestBefore(WHOLE, 'reward/line')).toBe(7);
    expect(log.latestBefore(1, 'reward/line')).toBe(5);
    expect(log.latestBefore(WHOLE, 'other')).toBeNull();
  });

  it('keeps thousands of points', () => {
    const log = logOf(...Array.from({ length: 5000 }, (_, i) => metrics(i, i)));
    const { values } = log.curvesOf('e-step', 'reward/line')[0]!.before(4000);
    expect(values).toHaveLength(4000);
    expect(values[3999]).toBe(3999);
  });

  it('keeps the results of an arm on several ranges apart, the latest of each', () => {
    const result = (range: 'hard' | null, thinkRate: number): RunEvent =>
      ({
        type: 'result',
        stage: 'evaluate',
        arm: 'ra3',
        phase: 'before',
        result: { arm: 'ra3', phase: 'before', ...(range ? { range } : {}), thinkRate },
      }) as RunEvent;
    const found = logOf(result(null, 0.1), result('hard', 0.2), result(null, 0.3)).resultsBefore(WHOLE);
    expect(found.map((r) => [r.range, r.thinkRate])).toEqual([
      [undefined, 0.3],
      ['hard', 0.2],
    ]);
  });

  it('shows a stage that ended early with the steps it took', () => {
    const ref = { stage: 'e-step', arm: 'ra3', iteration: 1 } as const;
    const log = logOf(
      { type: 'stage', status: 'start', steps: 80, timeMs: 0, ...ref },
      { type: 'progress', done: 20, total: 80, overall: 0.1, leftMs: null, ...ref },
      { type: 'progress', done: 30, total: 30, overall: 0.2, leftMs: null, ...ref },
      { type: 'stage', status: 'end', steps: 30, timeMs: 5, ...ref },
    );
    expect(log.stagesAt(2)[0]).toMatchObject({ done: 20, total: 80, state: 'running' });
    expect(log.stagesAt(WHOLE)[0]).toMatchObject({ done: 30, total: 30, state: 'done' });
  });

  it('knows the stages still to come from the start, in order', () => {
    const ntp = { stage: 'ntp', arm: 'ntp' } as const;
    const rlvr = { stage: 'rlvr', arm: 'ntp' } as const;
    const start = { type: 'start', stages: [ntp, rlvr].map((ref) => ({ ref, steps: 7 })) } as unknown as RunEvent;
    const log = logOf(start, { type: 'stage', status: 'start', steps: 7, timeMs: 0, ...ntp });
    expect(log.stagesAt(WHOLE).map(({ ref, state, total }) => [ref.stage, state, total])).toEqual([
      ['ntp', 'running', 7],
      ['rlvr', 'waiting', 7],
    ]);
    expect(log.stagesAt(1)[0]!.state).toBe('waiting');
  });

  it('tells EM iterations apart', () => {
    expect(
      logOf(metrics(0, 1, 1), metrics(0, 2, 2))
        .curvesOf('e-step', 'reward/line')
        .map((c) => c.ref.iteration),
    ).toEqual([1, 2]);
  });

  it('says of each stage whether it waits, runs or is done at a cut', () => {
    const ref = { stage: 'ntp', arm: 'ntp' } as const;
    const log = logOf(
      { type: 'stage', status: 'start', steps: 10, timeMs: 0, ...ref },
      { type: 'progress', done: 4, total: 10, overall: 0.2, leftMs: 5000, ...ref },
      { type: 'stage', status: 'end', steps: 10, timeMs: 1234, ...ref },
    );
    const at = (cut: number) => log.stagesAt(cut)[0]!;
    expect(at(0)).toMatchObject({ state: 'waiting', done: 0 });
    expect(at(2)).toMatchObject({ state: 'running', done: 4, total: 10, timeMs: null });
    expect(at(WHOLE)).toMatchObject({ state: 'done', done: 10, timeMs: 1234 });
    expect(log.progressBefore(2)).toMatchObject({ overall: 0.2, leftMs: 5000 });
    expect(log.progressBefore(1)).toBeNull();
  });

  it('writes itself as one event per line', () => {
    const events = [metrics(0, 1), metrics(1, null)];
    expect(
      toJsonLines(events)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(events);
  });
});
