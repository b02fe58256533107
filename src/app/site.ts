// What the page knows of its own delivery: who sends its policy, whether it opens offline, whether a newer release is there; and what the policy
// has refused since the page was opened. Nothing here reloads the page but a person's own wish.
import { createStore } from 'zustand/vanilla';
import { onRefusal, type Refusal } from '../worker/refusals.ts';
import { onSite, type SiteState, takeOver, underPagePolicy } from '../worker/site.ts';

export interface Delivery extends SiteState {
  /** Requests that the policy refused to the page and its workers. */
  refused: { count: number; last: Refusal | null };
  /** Why the newer release was not opened. */
  notYet: string | null;
}

const SAME_REQUEST_MS = 50;

export const delivery = createStore<Delivery>(() => ({
  policyBy: 'checking',
  problem: null,
  offline: false,
  newer: false,
  refused: { count: 0, last: null },
  notYet: null,
}));

/** Once, at the start of the page. @param whenFree Settles when the page has time for its service worker. */
export function watchDelivery(whenFree: Promise<void>): void {
  onSite((state) => delivery.setState(state));
  void whenFree.then(underPagePolicy);
  const count = (one: Refusal): void => delivery.setState(({ refused }) => ({ refused: { count: refused.count + 1, last: one } }));
  onRefusal(count);
  let last = { key: '', at: 0 };
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, disposition, timeStamp }) => {
    if (disposition !== 'enforce') return;
    // the header's policy and the page's own each tell of the same request
    const key = `${effectiveDirective} ${blockedURI}`;
    const isSame = key === last.key && timeStamp - last.at < SAME_REQUEST_MS;
    last = { key, at: timeStamp };
    if (!isSame) count({ directive: effectiveDirective, address: blockedURI });
  });
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
