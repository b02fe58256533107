// P7: no failure is only in the console. What nothing waits for, and what a browser may refuse (clipboard, wake lock, files that have changed), has a place on
// the page that says what and what to do.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { watchFailures } from '../../../src/app/failures.ts';
import { createLab } from '../../../src/app/lab.ts';
import { createReproducer } from '../../../src/app/reproduction.ts';
import type { RunEvent } from '../../../src/app/runLog.ts';
import { stayAwakeWhileRunning } from '../../../src/app/wakeLock.ts';
import { LINK_BASE_V1 } from '../../../src/share/linkBase.ts';
import type { LabApi } from '../../../src/worker/protocol.ts';
import { hearFailures, tellFailures } from '../../../src/worker/failures.ts';
import { filesOfPicker } from '../../../src/ui/droppedFiles.ts';

afterEach(() => void vi.unstubAllGlobals());

const adapter = { vendor: 'v', architecture: 'a', description: 'd', software: false, features: [] };
const start: RunEvent = {
  type: 'start',
  runId: 'r',
  recipe: LINK_BASE_V1,
  adapter,
  version: '0.1.0',
  startedAt: '2026-01-01T00:00:00Z',
  parameters: 1,
  stages: [],
};

async function openedLab(own: Partial<LabApi> = {}) {
  vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
  const api = {
    adapter: async () => ({ ok: true, adapter }),
    keptRuns: async () => ({ storage: { kind: 'disk' }, runs: [] }),
    keepRun: async () => undefined,
    keepBundle: async () => 'no room',
    drop: async () => ({
      model: null,
      dataset: null,
      recipe: null,
      run: { recipe: LINK_BASE_V1, events: [start], bundle: 'run.zip' },
      problems: [],
    }),
    ...own,
  } as unknown as LabApi;
  const lab = createLab(() => ({ api, terminate: () => undefined, onDeath: () => undefined, onSilence: () => undefined }));
  await lab.open('');
  for (const alert of lab.store.getState().alerts) lab.dismissAlert(alert);
  return { lab, state: lab.store.getState };
}

const ticks = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe('what nothing waits for', () => {
  const thrown = (message: string): Event => Object.assign(new Event('error'), { message });
  const rejected = (reason: unknown): Event => Object.assign(new Event('unhandledrejection'), { reason });

  it('is told with what happened and what to do, each once, cut, and not without end', () => {
    const told: string[] = [];
    const page = new EventTarget();
    watchFailures((message) => told.push(message), page);
    page.dispatchEvent(thrown('Uncaught TypeError: x is not a function'));
    page.dispatchEvent(rejected(new Error('nobody waits')));
    page.dispatchEvent(rejected('a text'));
    page.dispatchEvent(rejected(new Error('nobody waits')));
    page.dispatchEvent(thrown('ResizeObserver loop completed with undelivered notifications.'));
    expect(told).toEqual([
      expect.stringMatching(
        /^Something failed on the page that nothing waits for: Uncaught TypeError: x is not a function\. .*reload the page/,
      ),
      expect.stringContaining('nobody waits'),
      expect.stringContaining('a text'),
    ]);
    for (let i = 0; i < 100; i++) page.dispatchEvent(thrown(`${i} ${'x'.repeat(10_000)}`));
    expect(told.length).toBeLessThan(30);
    expect(told.at(-1)!.length).toBeLessThan(600);
  });

  it('in a worker is told by the worker', async () => {
    const worker = new EventTarget();
    vi.stubGlobal('addEventListener', worker.addEventListener.bind(worker));
    const told: string[] = [];
    watchFailures((message) => told.push(message), new EventTarget());
    hearFailures('a worker');
    tellFailures('a worker');
    worker.dispatchEvent(rejected(new Error('in the worker')));
    await vi.waitFor(() => expect(told).toEqual([expect.stringMatching(/^Something failed in a worker .*: in the worker\./)]));
  });
});

describe('what the browser refuses', () => {
  it('the clipboard: the link is in the address bar, and the page says so', async () => {
    const { lab, state } = await openedLab();
    vi.stubGlobal('history', { replaceState: () => undefined });
    vi.stubGlobal('location', { hash: '', href: 'http://x/#v1.abc' });
    const refusing = { writeText: () => Promise.reject(new DOMException('Write permission denied.', 'NotAllowedError')) };
    for (const clipboard of [refusing, undefined]) {
      vi.stubGlobal('navigator', { clipboard });
      await lab.share();
      expect(state().alerts).toEqual(['The link is in the address bar; copy it there: the browser refused the clipboard.']);
      lab.dismissAlert(state().alerts[0]!);
    }
    vi.stubGlobal('navigator', { clipboard: { writeText: async () => undefined } });
    await lab.share();
    expect(state()).toMatchObject({ alerts: [], said: 'Link copied: 16 characters' });
  });

  it('to stay awake: a notice, once, and nothing where a hidden page lost the lock', async () => {
    const { lab, state } = await openedLab();
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('document', page);
    let hides = false;
    const request = async () => {
      if (hides) page.visibilityState = 'hidden';
      throw new DOMException('Wake Lock permission request denied', 'NotAllowedError');
    };
    vi.stubGlobal('navigator', { wakeLock: { request } });
    stayAwakeWhileRunning(lab);
    const notices = () => state().messages.filter(({ message }) => message.includes('awake'));
    hides = true;
    lab.store.setState({ activity: 'running' });
    await ticks();
    expect(notices()).toEqual([]);
    hides = false;
    for (let i = 0; i < 2; i++) {
      page.visibilityState = 'visible';
      page.dispatchEvent(new Event('visibilitychange'));
      await ticks();
    }
    expect(notices()).toEqual([
      expect.objectContaining({ level: 'info', message: expect.stringMatching(/\(Wake Lock permission request denied\)\. If it sleeps/) }),
    ]);
    expect(state().alerts).toEqual([]);
  });

  it('a dropped bundle that was deleted: its name, and to drop it again', async () => {
    const { lab, state } = await openedLab();
    const file = new File(['zip'], 'run.zip');
    file.arrayBuffer = () => Promise.reject(new DOMException('A requested file could not be found.', 'NotFoundError'));
    await lab.drop([{ path: 'run.zip', file }]);
    await ticks();
    await lab.downloadBundle();
    expect(state().alerts.at(-1)).toBe(
      'run.zip can no longer be read (A requested file could not be found.). It was moved, deleted or changed: drop it again.',
    );
  });

  it('a log too long for one text: to take the bundle', async () => {
    const { lab, state } = await openedLab();
    vi.stubGlobal('URL', {
      createObjectURL: () => {
        throw new RangeError('Invalid string length');
      },
    });
    lab.downloadLog();
    expect(state().alerts).toEqual(['The log could not be saved: Invalid string length. Download the bundle, which has it too.']);
  });

  it('a run that was sent and cannot be read: nothing is started', async () => {
    const { lab, state } = await openedLab({ readRun: () => Promise.reject(new Error('Storage is gone.')) });
    const id = lab.addRun('link', LINK_BASE_V1, [start]);
    const [entry] = state().runs;
    lab.store.setState({ runs: [{ ...entry!, id: 'stored', stored: true }, entry!] });
    await createReproducer(lab).runHere('stored');
    expect(state()).toMatchObject({ activity: 'idle', workerRunId: null, shownId: id });
    expect(state().alerts).toEqual(['The run that was sent cannot be read, so nothing was started: Storage is gone.']);
  });

  it('more files than are read at once: refused, and not cut in silence', () => {
    const file = new File([], 'a');
    const list = (length: number) => Array.from({ length }, () => file) as unknown as FileList;
    expect(filesOfPicker(list(2000))).toHaveLength(2000);
    expect(() => filesOfPicker(list(2001))).toThrow('it holds more than 2000 files. Drop the model folder or the dataset alone.');
  });
});
