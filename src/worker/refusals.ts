// What the page's policy refuses to its workers. The browser tells a worker's own scope of it and nobody else, so each worker tells the page, over a channel
// named as the worker is. Promises nothing of the Python sandbox: it has an opaque origin and a policy of its own, and its workers are not heard.

/** One request that was not made. */
export interface Refusal {
  directive: string;
  address: string;
}

const listeners = new Set<(refusal: Refusal) => void>();

/** In the worker, once, at its start. */
export function tellRefusals(name: string): void {
  const channel = new BroadcastChannel(name);
  addEventListener('securitypolicyviolation', (event) => {
    const { effectiveDirective, blockedURI, disposition } = event as SecurityPolicyViolationEvent;
    if (disposition === 'enforce') channel.postMessage({ directive: effectiveDirective, address: blockedURI } satisfies Refusal);
  });
}

/** On the page, before a worker of this name starts. No two workers may have one name. */
export function hearRefusals(name: string): void {
  new BroadcastChannel(name).onmessage = ({ data }: MessageEvent<Refusal>) => {
    for (const listener of listeners) listener(data);
  };
}

export function onRefusal(listener: (refusal: Refusal) => void): void {
  listeners.add(listener);
}
