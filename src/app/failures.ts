// Failures that nothing waits for: errors thrown in handlers and timers, promises that nobody looks after, on the page and in its workers. Promises that each
// has a place on the page, once however often it comes. Refuses nothing; what the browser says of its own layout is no failure.
import { onFailure } from '../worker/failures.ts';
import { said } from './said.ts';

const MOST = 20;
const MOST_CHARACTERS = 300;
/** Told as an error; says that sizes are looked at again in the next frame. */
const LAYOUT = /^ResizeObserver loop/;

/** Once, at the start of the page. */
export function watchFailures(fail: (message: string) => void, page: EventTarget = window): void {
  const told = new Set<string>();
  const tell = (what: string, where: string): void => {
    if (LAYOUT.test(what) || told.has(what) || told.size >= MOST) return;
    told.add(what);
    fail(
      `Something failed ${where} that nothing waits for: ${what.slice(0, MOST_CHARACTERS)}. What runs goes on and what is stored stays; reload the page if a part of it no longer answers.`,
    );
  };
  page.addEventListener('error', (event) => tell((event as ErrorEvent).message || 'an error without a message', 'on the page'));
  page.addEventListener('unhandledrejection', (event) => tell(said((event as PromiseRejectionEvent).reason), 'on the page'));
  onFailure((message) => tell(message, 'in a worker'));
}
