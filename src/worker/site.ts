// The page's end of the service worker: starts it, says when a newer release waits, and holds workers back until their scripts come under the
// page's policy (a worker has the policy of its own script's answer, which a plain host sends without one).
// Promises never to reload the page by itself. Refuses nothing: where there is no service worker, the page works as far as the host lets it.
import { trustedUrl } from './trustedUrl.ts';

export interface SiteState {
  /** Who sends the policy with the workers' scripts: the host, the service worker, or nobody. */
  policyBy: 'checking' | 'host' | 'service worker' | 'nobody';
  /** Why there is no service worker, where one was wanted. */
  problem: string | null;
  /** The page opens without the network. */
  offline: boolean;
  /** A newer release is there. */
  newer: boolean;
}

const TAKES_OVER_MS = 20_000;
const LOOK_AGAIN_MS = 3_600_000;

let state: SiteState = { policyBy: 'checking', problem: null, offline: false, newer: false };
const listeners = new Set<(state: SiteState) => void>();
let joined: Promise<void> | null = null;
let waiting: ServiceWorker | null = null;

/** Calls back with the state now and at each change. */
export function onSite(listener: (state: SiteState) => void): void {
  listeners.add(listener);
  listener(state);
}

/** Resolves when a worker that is started has the page's policy, or can have none here. The first call starts the service worker where one is of use. */
export function underPagePolicy(): Promise<void> {
  joined ??= join();
  return joined;
}

/**
 * Puts the waiting release in place of this one, by a person's wish; the page is then to be reloaded. Returns how many other pages of the lab are open:
 * with any, nothing is done, for they are of this release still.
 */
export async function takeOver(): Promise<number> {
  if (!waiting) return 0;
  const open = Number(await ask(waiting, 'take over'));
  return Math.max(0, open - 1);
}

async function join(): Promise<void> {
  const { serviceWorker } = navigator;
  const controlled = serviceWorker?.controller != null;
  const sent = !controlled && (await hostSendsPolicy());
  if (sent) say({ policyBy: 'host' });
  // Our own server sends everything and is on this machine: a copy beside it would only be an old one.
  const wanted = import.meta.env.PROD && !(sent && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname));
  if (!wanted) {
    if (!sent) say({ policyBy: 'nobody' });
    return;
  }
  if (!serviceWorker) {
    say({ policyBy: sent ? 'host' : 'nobody', problem: 'This browser gives the page no service worker here.' });
    return;
  }
  const registered = register(serviceWorker).then(
    () => say({ offline: true, ...(sent ? {} : { policyBy: 'service worker' as const }) }),
    (error: unknown) =>
      say({ problem: error instanceof Error ? error.message : String(error), ...(sent ? {} : { policyBy: 'nobody' as const }) }),
  );
  if (controlled) say({ policyBy: 'service worker', offline: true });
  else if (!sent) await registered;
}

/** The lab's workers are of this module's folder and sent as it is. */
async function hostSendsPolicy(): Promise<boolean> {
  const answer = await fetch(import.meta.url, { method: 'HEAD' }).catch(() => null);
  return answer?.headers.get('content-security-policy') != null;
}

async function register(serviceWorker: ServiceWorkerContainer): Promise<void> {
  const registration = await serviceWorker.register(trustedUrl(new URL('sw.js', document.baseURI).href), { updateViaCache: 'none' });
  const look = (): void => {
    const found = registration.waiting;
    if (!found || !serviceWorker.controller) return;
    waiting = found;
    say({ newer: true });
  };
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
  look();
  setInterval(() => void registration.update().catch(() => undefined), LOOK_AGAIN_MS);
  const controller = serviceWorker.controller ?? (await controllerOf(serviceWorker, registration));
  const build = document.querySelector<HTMLMetaElement>('meta[name="build"]')?.content;
  if (build !== undefined && (await ask(controller, 'build')) !== build) say({ newer: true });
  if (!(navigator as { connection?: { saveData?: boolean } }).connection?.saveData) {
    void ask(controller, 'keep the rest').then((failed) => {
      if (failed !== null) say({ problem: `Python is not kept for offline use: ${failed}` });
    });
  }
}

/** Waits for the first service worker of this page to be in charge of it; its error, when it cannot be installed. */
function controllerOf(serviceWorker: ServiceWorkerContainer, registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${why} The page works from the network alone.`));
    const timer = setTimeout(() => fail(`The service worker was not ready after ${TAKES_OVER_MS / 1000} s.`), TAKES_OVER_MS);
    serviceWorker.addEventListener('controllerchange', () => {
      clearTimeout(timer);
      if (serviceWorker.controller) resolve(serviceWorker.controller);
    });
    registration.installing?.addEventListener('statechange', (event) => {
      if ((event.target as ServiceWorker).state !== 'redundant') return;
      clearTimeout(timer);
      fail('The files of this release could not be kept.');
    });
  });
}

function ask(of: ServiceWorker, question: string): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data);
    };
    of.postMessage(question, [port2]);
  });
}

function say(change: Partial<SiteState>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener(state);
}
