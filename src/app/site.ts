// What the page knows of its own delivery: who sends its policy, whether it opens offline, whether a newer release is there; and what the policy
// has refused since the page was opened. Nothing here reloads the page but a person's own wish.
import { createStore } from 'zustand/vanilla';
import { hearSandboxFrames, onRefusal, type Refusal } from '../worker/refusals.ts';
import { onSite, type SiteState, takeOver, underPagePolicy } from '../worker/site.ts';

export type RefusedTo = 'page' | 'worker' | 'sandbox';

export interface Delivery extends SiteState {
  /** Requests that a policy refused to the page, to its workers and to the Python sandbox. */
  refused: Record<RefusedTo, number> & { last: Refusal | null };
  /** Programs that were ended because they tried to leave the Python sandbox. */
  ended: number;
  /** Why the newer release was not opened. */
  notYet: string | null;
}

const SAME_REQUEST_MS = 50;

export const delivery = createStore<Delivery>(() => ({
  policyBy: 'checking',
  problem: null,
  offline: false,
  newer: false,
  refused: { page: 0, worker: 0, sandbox: 0, last: null },
  ended: 0,
  notYet: null,
}));

/** Once, at the start of the page. @param whenFree Settles when the page has time for its service worker. */
export function watchDelivery(whenFree: Promise<void>): void {
  onSite((state) => delivery.setState(state));
  void whenFree.then(underPagePolicy);
  const heard: Record<RefusedTo, { key: string; at: number }> = {
    page: { key: '', at: 0 },
    worker: { key: '', at: 0 },
    sandbox: { key: '', at: 0 },
  };
  const count = (to: RefusedTo, one: Refusal): void => {
    // the header's policy and a document's own each tell of the same request
    const [key, at] = [`${one.directive} ${one.address}`, performance.now()];
    const isSame = key === heard[to].key && at - heard[to].at < SAME_REQUEST_MS;
    heard[to] = { key, at };
    if (!isSame) delivery.setState(({ refused }) => ({ refused: { ...refused, [to]: refused[to] + 1, last: one } }));
  };
  onRefusal((told) => {
    if ('ended' in told) delivery.setState(({ ended }) => ({ ended: ended + 1 }));
    else count(told.to, told.refused);
  });
  hearSandboxFrames();
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, disposition }) => {
    if (disposition === 'enforce') count('page', { directive: effectiveDirective, address: blockedURI });
  });
}

/** Requests that were refused, to whomever. */
export function refusals({ page, worker, sandbox }: Delivery['refused']): number {
  return page + worker + sandbox;
}

/** By a person's wish: the newer release in place of this one. */
export async function openNewer(): Promise<void> {
  const others = await takeOver();
  if (others === 0) location.reload();
  else
    delivery.setState({
      notYet: `${others === 1 ? 'Another tab' : `${others} other tabs`} of the lab still ${others === 1 ? 'uses' : 'use'} this version. Close ${others === 1 ? 'it' : 'them'} first.`,
    });
}
