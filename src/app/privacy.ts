// The page's own policy as a reader may check it: read from the answer that brought the page and from the page itself, never from what we meant to send.

export interface OwnPolicy {
  /** The header of the page's own address, from the host or the service worker; null where none is sent. */
  header: string | null;
  /** The <meta> element in the page. */
  meta: string | null;
}

export async function readOwnPolicy(): Promise<OwnPolicy> {
  const address = `${location.origin}${location.pathname}${location.search}`;
  const answer = await fetch(address, { method: 'GET' }).catch(() => null);
  return {
    header: answer?.headers.get('content-security-policy') ?? null,
    meta: document.querySelector<HTMLMetaElement>('meta[http-equiv="Content-Security-Policy"]')?.content ?? null,
  };
}

const MEANING: Record<string, string> = {
  'default-src': 'whatever is not named below',
  'script-src': 'scripts',
  'worker-src': 'workers',
  'connect-src': 'requests, sockets and beacons',
  'img-src': 'images',
  'style-src': 'styles',
  'font-src': 'fonts',
  'manifest-src': 'manifests',
  'frame-src': 'frames',
  'base-uri': 'a base address',
  'form-action': 'forms',
  'frame-ancestors': 'pages that may frame this one',
  'require-trusted-types-for': 'text that may become a script',
  'trusted-types': 'policies that may make one',
};

/** Each directive with the kind of thing that it is about and where that may come from or go to. */
export function directivesOf(policy: string): { name: string; about: string; sources: string }[] {
  return policy
    .split(';')
    .map((part) => part.trim().split(/\s+/))
    .filter(([name]) => name)
    .map(([name = '', ...sources]) => ({ name, about: MEANING[name] ?? '', sources: sources.join(' ') }));
}

/** Whether a policy lets nothing be sent to, or fetched from, another origin. What it says of scripts' texts and frames' parents is beside the point. */
export function keepsWithin(policy: string): boolean {
  const directives = new Map(directivesOf(policy).map(({ name, sources }) => [name, sources]));
  const own = (sources: string) => sources.split(' ').every((source) => ["'self'", "'none'", 'blob:', 'data:'].includes(source));
  const fetching = [...directives].filter(([name]) => name.endsWith('-src') || name === 'form-action' || name === 'base-uri');
  return directives.get('default-src') === "'none'" && directives.has('form-action') && fetching.every(([, sources]) => own(sources));
}
