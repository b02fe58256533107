// The pool that hands jobs to interpreters: deadlines, replacements, messages out of turn, and what it does when none starts. Time is the test's.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InterpreterPool, type InterpreterListener, SandboxGone } from '../../../src/verify/interpreterPool.ts';
import type { PythonReport, PythonTask } from '../../../src/verify/python.worker.ts';
import type { SandboxNews } from '../../../src/verify/sandboxNews.ts';

interface Fake {
  listener: InterpreterListener;
  tasks: PythonTask[];
  interrupts: number;
  ended: boolean;
}

const answer = (fields: object = {}): string => JSON.stringify({ end: 'finished', message: '', calls: [], ...fields });

function done(fields: Partial<Extract<PythonReport, { kind: 'done' }>> = {}): PythonReport {
  return { kind: 'done', answer: answer(), stdout: '', failure: null, starved: false, fit: true, ...fields };
}

describe('the pool of interpreters', () => {
  let fakes: Fake[];
  let canInterrupt: boolean;
  let told: SandboxNews[];

  beforeEach(() => {
    vi.useFakeTimers();
    fakes = [];
    canInterrupt = true;
    told = [];
  });
  afterEach(() => vi.useRealTimers());

  function open(size: number, spares: number): InterpreterPool {
    return new InterpreterPool({
      size,
      spares,
      tell: (news) => told.push(news),
      start: (listener) => {
        const fake: Fake = { listener, tasks: [], interrupts: 0, ended: false };
        fakes.push(fake);
        return {
          send: (task) => fake.tasks.push(task),
          interrupt: canInterrupt ? () => void fake.interrupts++ : null,
          end: () => {
            fake.ended = true;
          },
        };
      },
    });
  }
  const fake = (i: number): Fake => fakes[i] as Fake;
  const ready = (i: number): void => fake(i).listener.report({ kind: 'ready' });
  const job = (source: string, deadlineMs = 1000) => ({ source, deadlineMs });

  it('gives jobs to as many as may work, in turn, and keeps the spare back', async () => {
    const pool = open(2, 1);
    expect(fakes.length).toBe(3);
    const outcomes = ['a', 'b', 'c'].map((source) => pool.run(job(source)));
    for (const i of [0, 1, 2]) ready(i);
    expect(fakes.map((f) => f.tasks.map((t) => t.source))).toEqual([['a'], ['b'], []]);
    fake(1).listener.report(done({ stdout: 'from b' }));
    expect(await outcomes[1]).toMatchObject({ end: 'finished', stdout: 'from b' });
    expect(fakes.flatMap((f) => f.tasks.map((t) => t.source)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('interrupts at the deadline, and ends what goes on after the grace; the spare takes over at once', async () => {
    const pool = open(1, 1);
    ready(0);
    ready(1);
    const slow = pool.run(job('slow'));
    const next = pool.run(job('next'));
    vi.advanceTimersByTime(999);
    expect(fake(0).interrupts).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fake(0)).toMatchObject({ interrupts: 1, ended: false });
    vi.advanceTimersByTime(250);
    expect(fake(0).ended).toBe(true);
    expect(await slow).toMatchObject({ end: 'timeout', message: 'not done after 1000 ms', calls: [] });
    expect(fake(1).tasks[0]?.source).toBe('next');
    fake(1).listener.report(done());
    expect((await next).end).toBe('finished');
    expect(fakes.length).toBe(3);
  });

  it('keeps what an interrupted program had answered, and its interpreter', async () => {
    const pool = open(1, 0);
    ready(0);
    const slow = pool.run({ ...job('slow'), calls: ['f(1)', 'f(2)'] });
    vi.advanceTimersByTime(1000);
    const calls = [{ ok: true, value: { t: 'int', v: '7' }, timeMs: 3 }];
    fake(0).listener.report(done({ answer: answer({ end: 'timeout', calls }) }));
    expect(await slow).toMatchObject({ end: 'timeout', calls });
    vi.advanceTimersByTime(1000);
    expect(fake(0).ended).toBe(false);
  });

  it('ends at the deadline itself where nothing can be interrupted', async () => {
    canInterrupt = false;
    const pool = open(1, 0);
    ready(0);
    const slow = pool.run(job('slow'));
    vi.advanceTimersByTime(1000);
    expect(fake(0).ended).toBe(true);
    expect((await slow).end).toBe('timeout');
  });

  it('replaces an interpreter that is not fit for another job, and one that died', async () => {
    const pool = open(1, 0);
    ready(0);
    const first = pool.run(job('exits'));
    fake(0).listener.report(done({ answer: '', failure: 'it ended its interpreter with exit code 3', fit: false }));
    expect(await first).toMatchObject({ end: 'killed', message: 'it ended its interpreter with exit code 3' });
    expect(fake(0).ended).toBe(true);
    ready(1);
    const second = pool.run(job('dies'));
    fake(1).listener.died('out of memory');
    expect(await second).toMatchObject({ end: 'killed', message: 'out of memory' });
    expect(fakes.length).toBe(3);
  });

  it('ends whoever says anything out of turn: a flood costs one message', async () => {
    const pool = open(1, 1);
    ready(0);
    ready(1);
    const first = pool.run(job('floods'));
    for (let i = 0; i < 1000; i++) fake(0).listener.report(done({ stdout: String(i) }));
    expect((await first).stdout).toBe('0');
    expect(fake(0).ended).toBe(true);
    const next = pool.run(job('next'));
    for (let i = 0; i < 1000; i++) fake(0).listener.report(done({ stdout: 'forged' }));
    fake(1).listener.report(done({ stdout: 'true' }));
    expect((await next).stdout).toBe('true');
  });

  it('R26 tells of a program that tried to leave, and of none that only says so', async () => {
    const pool = open(1, 0);
    ready(0);
    const says = pool.run(job('says so'));
    fake(0).listener.report(done({ answer: answer({ end: 'exception', message: 'it tried to leave the sandbox: not true' }) }));
    expect((await says).end).toBe('exception');
    const forges = pool.run(job('forges'));
    fake(0).listener.report(done({ answer: answer({ end: 'killed', message: 'it tried to leave the sandbox: nor is this' }) }));
    expect((await forges).message).toBe('its answer was not in the agreed form');
    expect(told).toEqual([]);
    const leaves = pool.run(job('leaves'));
    fake(0).listener.report(done({ answer: '', failure: 'it tried to leave the sandbox: Python called JsProxy_New', fit: false }));
    expect((await leaves).end).toBe('killed');
    expect(told).toEqual([{ ended: true }]);
  });

  it('R26 ends an interpreter at the first request that it is refused, and tells of that one alone', async () => {
    const pool = open(1, 1);
    ready(0);
    ready(1);
    const leaves = pool.run(job('leaves'));
    const refusal = { directive: 'connect-src', address: 'https://elsewhere.example' };
    for (let i = 0; i < 1000; i++) fake(0).listener.report({ kind: 'refused', refusal });
    expect(await leaves).toMatchObject({
      end: 'killed',
      message: 'it tried to leave the sandbox: a request was refused by connect-src',
      calls: [],
    });
    expect(fake(0).ended).toBe(true);
    expect(told).toEqual([{ refused: refusal }, { ended: true }]);
    const next = pool.run(job('next'));
    fake(1).listener.report(done());
    expect((await next).end).toBe('finished');
  });

  it('takes an answer in another form than agreed for no answer', async () => {
    const pool = open(1, 0);
    ready(0);
    for (const forged of [
      '',
      'x',
      '3',
      '{}',
      answer({ end: 'passed' }),
      answer({ calls: [{ ok: true, value: { t: 'int', v: '1e9' } }] }),
    ]) {
      const outcome = pool.run({ ...job('forges'), calls: ['f()'] });
      fake(0).listener.report(done({ answer: forged }));
      expect(await outcome).toMatchObject({ end: 'killed', calls: [] });
    }
    const more = pool.run({ ...job('says more'), calls: ['f()'] });
    const call = { ok: true, value: { t: 'none', more: 1 }, timeMs: -1, extra: 2 };
    fake(0).listener.report(done({ answer: answer({ calls: [call, call] }) }));
    expect((await more).calls).toEqual([{ ok: true, value: { t: 'none' }, timeMs: 0 }]);
  });

  it('counts an end without an answer for lack of memory as memory', async () => {
    const pool = open(1, 0);
    ready(0);
    const outcome = pool.run(job('grows'));
    fake(0).listener.report(done({ answer: '', failure: 'its interpreter failed: unreachable', starved: true, fit: false }));
    expect(await outcome).toMatchObject({ end: 'memory', message: 'MemoryError' });
  });

  it('gives up, saying why, when none starts three times in a row', async () => {
    const pool = open(1, 0);
    const waiting = pool.run(job('waits'));
    for (const i of [0, 1, 2]) fake(i).listener.report({ kind: 'broken', message: 'no WebAssembly here' });
    await expect(waiting).rejects.toThrow(/Python could not be started \(no WebAssembly here\)/);
    await expect(pool.run(job('later'))).rejects.toBeInstanceOf(SandboxGone);
    expect(fakes.length).toBe(3);
  });

  it('rejects what waits or runs when it is closed', async () => {
    const pool = open(1, 1);
    ready(0);
    const outcomes = [pool.run(job('a')), pool.run(job('b'))].map((outcome) => expect(outcome).rejects.toBeInstanceOf(SandboxGone));
    await pool.close();
    await Promise.all(outcomes);
    expect(fakes.every((f) => f.ended)).toBe(true);
  });
});
