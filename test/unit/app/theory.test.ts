// The theory store on a worker that the test answers for: the newest settings win, old work is ended, and a dead worker is replaced.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chartData, createTheory, settingText, type TheoryResult } from '../../../src/app/theory.ts';
import { compute } from '../../../src/midtrain/theory/instruments.ts';
import { startSettings } from '../../../src/midtrain/theory/contract.ts';
import type { TheoryListener, TheoryRequest } from '../../../src/worker/theoryClient.ts';

const RESULT: TheoryResult = { instrument: 'convergence', charts: [], facts: [], says: 'seen' };

function setUp() {
  const workers: { listener: TheoryListener; sent: TheoryRequest[]; ended: boolean }[] = [];
  const theory = createTheory((listener) => {
    const worker = { listener, sent: [] as TheoryRequest[], ended: false };
    workers.push(worker);
    return { send: (request) => worker.sent.push(request), end: () => (worker.ended = true) };
  });
  const answer = (n: number, result: TheoryResult | null, error: string | null = null): void => {
    const worker = workers[n]!;
    worker.listener.answered({ id: worker.sent.at(-1)!.id, result, error });
  };
  return { theory, workers, answer, state: () => theory.store.getState() };
}

describe('the theory store', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('starts no worker before an instrument is looked at, and computes it once', () => {
    const { theory, workers, answer, state } = setUp();
    expect(workers).toHaveLength(0);
    theory.look('convergence');
    theory.look('convergence');
    expect(workers[0]!.sent).toHaveLength(1);
    expect(state().convergence.busy).toBe(true);
    answer(0, RESULT);
    expect(state().convergence).toMatchObject({ busy: false, result: RESULT, error: null });
    theory.look('convergence');
    expect(workers[0]!.sent).toHaveLength(1);
  });

  it('waits until a slider rests, and ends what is computed for the old settings', () => {
    const { theory, workers, answer, state } = setUp();
    theory.look('convergence');
    theory.set('convergence', 'size', 10);
    theory.set('convergence', 'size', 11);
    expect(workers[0]!.ended).toBe(false);
    vi.runAllTimers();
    expect(workers.map((w) => w.ended)).toEqual([true, false]);
    expect(workers[1]!.sent.map((r) => r.settings)).toEqual([{ ...startSettings('convergence'), size: 11 }]);
    answer(0, { ...RESULT, says: 'old' });
    expect(state().convergence.result).toBeNull();
    answer(1, RESULT);
    expect(state().convergence.result).toEqual(RESULT);
  });

  it('keeps another instrument waiting its turn', () => {
    const { theory, workers, answer } = setUp();
    theory.look('pruning');
    theory.look('convergence');
    expect(workers[0]!.sent.map((r) => r.instrument)).toEqual(['pruning']);
    answer(0, { ...RESULT, instrument: 'pruning' });
    expect(workers[0]!.sent.map((r) => r.instrument)).toEqual(['pruning', 'convergence']);
  });

  it('says what is wrong with a setting, and why a worker stopped, and goes on after either', () => {
    const { theory, workers, answer, state } = setUp();
    theory.set('convergence', 'slip', 2);
    expect(state().convergence.error).toMatch(/slip is 2; give a number from 0 to 0.4/);
    theory.reset('convergence');
    vi.runAllTimers();
    workers[0]!.listener.died('out of memory');
    expect(state().convergence).toMatchObject({ busy: false, error: expect.stringMatching(/out of memory/) });
    theory.set('convergence', 'slip', 0.2);
    vi.runAllTimers();
    answer(1, RESULT);
    expect(state().convergence).toMatchObject({ busy: false, error: null, result: RESULT });
  });
});

describe('what a chart draws', () => {
  it('bounds are dashed lines in the colour of what they bound, measured values points, a run has a colour of its own', () => {
    const [chart] = compute('convergence', startSettings('convergence')).charts;
    const { lines, end } = chartData(chart!, [{ name: 'this run', kind: 'measured', x: [8], y: [59] }]);
    expect(lines.map((l) => [l.mark, l.dash, l.tone])).toEqual([
      ['line', true, 'ra3'],
      ['points', false, 'ra3'],
      ['line', true, 'third'],
      ['points', false, 'third'],
      ['points', false, 'shuffled'],
    ]);
    expect(end).toBe(15);
  });

  it('settings read as what they stand for', () => {
    expect([settingText('candidatesLog2', 12), settingText('toleranceLog10', -3), settingText('slip', 0.1)]).toEqual([
      '4,096',
      '0.001',
      '0.1',
    ]);
  });
});
