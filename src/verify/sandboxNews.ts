// What the sandbox's frame tells the page: a request that its policy refused, a program that was ended because it tried to leave. It comes by
// window messages, in which anyone may say anything. Promises that only frames of this page are heard, that what they say is rebuilt field by field and cut,
// and that no more than MOST_TOLD of it is taken: a flood ends there.
// The programs themselves have no part in it: they cannot send messages, and an interpreter that is refused a request is ended at its first.

/** One request that was not made. */
export interface Refusal {
  directive: string;
  address: string;
}

export type SandboxNews = { refused: Refusal } | { ended: true };

/** In the life of a page. */
export const MOST_TOLD = 1000;
const MOST_CHARACTERS = 200;

/** @param isOurs whether a window is a frame of this page. */
export function hearSandbox(
  isOurs: (source: MessageEvent['source']) => boolean,
  take: (news: SandboxNews) => void,
): (event: Pick<MessageEvent, 'source' | 'data'>) => void {
  let told = 0;
  return ({ source, data }) => {
    const news = told < MOST_TOLD ? read(data) : null;
    if (!news || !isOurs(source)) return;
    told++;
    take(news);
  };
}

function read(data: unknown): SandboxNews | null {
  if (typeof data !== 'object' || data === null) return null;
  const { refused, ended } = data as Record<string, unknown>;
  if (ended === true) return { ended };
  if (typeof refused !== 'object' || refused === null) return null;
  const { directive, address } = refused as Record<string, unknown>;
  if (typeof directive !== 'string' || !/^[a-z-]{1,40}$/.test(directive) || typeof address !== 'string') return null;
  return { refused: { directive, address: address.slice(0, MOST_CHARACTERS) } };
}

/** In a worker of the sandbox, once, before anything foreign. */
export function onRefused(tell: (refusal: Refusal) => unknown): void {
  addEventListener('securitypolicyviolation', (event) => {
    const { effectiveDirective, blockedURI, disposition } = event as SecurityPolicyViolationEvent;
    if (disposition === 'enforce') tell({ directive: effectiveDirective, address: blockedURI });
  });
}
