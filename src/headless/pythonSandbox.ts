// The Python sandbox for the command line: the page's own, in a headless browser. Never Python in this process, where it would have its files and its
// network. Refuses to start where the page is not built.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from '../../scripts/browser.mjs';
import { PAGE_DIR } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import { SandboxGone } from '../verify/interpreterPool.ts';
import type { PythonOutcome, PythonSandbox } from '../verify/python.ts';
import type { SandboxOptions } from '../verify/sandbox.ts';
import type { NumberedJob, NumberedOutcome } from './page.ts';

export async function openHeadlessSandbox(options: SandboxOptions = {}): Promise<PythonSandbox> {
  if (!existsSync(join(PAGE_DIR, 'sandbox.html')))
    throw new Error(`Python runs in the page's sandbox, and ${PAGE_DIR} holds no built page. Run npm run build first.`);
  const server = await serve({ dir: PAGE_DIR, port: 0 });
  const browser = await openBrowser().catch(async (e: unknown) => {
    await server.close();
    throw e;
  });
  const page = await browser.context.newPage();
  const pending = new Map<number, { settle: (outcome: PythonOutcome) => void; fail: (error: Error) => void }>();
  let gone: SandboxGone | null = null;
  let lastNumber = 0;
  let unsent: NumberedJob[] = [];

  const end = (message: string): void => {
    gone ??= new SandboxGone(message);
    for (const { fail } of pending.values()) fail(gone);
    pending.clear();
  };
  page.on('crash', () => end('The page of the Python sandbox crashed (out of memory, most likely).'));
  page.on('close', () => end('The browser of the Python sandbox was closed.'));
  await page.exposeBinding('takeOutcomes', (_source, outcomes: NumberedOutcome[]) => {
    for (const [number, outcome] of outcomes) {
      const waiting = pending.get(number);
      pending.delete(number);
      if ('gone' in outcome) waiting?.fail(new SandboxGone(outcome.gone));
      else waiting?.settle(outcome);
    }
  });
  await page.goto(`${server.url}headless.html`);
  await page.waitForFunction(() => typeof window.runJobs === 'function', undefined, { timeout: 30_000 });

  const send = (): void => {
    const jobs = unsent;
    unsent = [];
    page
      .evaluate(([given, how]) => window.runJobs(given, how), [jobs, options] as const)
      .catch((e: Error) => end(`The page of the Python sandbox failed: ${e.message}`));
  };
  return {
    run: (job) =>
      new Promise((settle, fail) => {
        if (gone) return fail(gone);
        const number = ++lastNumber;
        pending.set(number, { settle, fail });
        unsent.push([number, job]);
        if (unsent.length === 1) setImmediate(send);
      }),
    close: async () => {
      end('The sandbox was closed.');
      await browser.close();
      await server.close();
    },
  };
}
