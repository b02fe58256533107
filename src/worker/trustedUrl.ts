// Where the page's policy asks for Trusted Types, a worker's address must come from a named policy. One policy for each realm: the page starts the
// lab's worker and the one for theory, the lab's worker the one for texts. Refuses any address but those that the build put into these calls.

interface TrustedTypes {
  createPolicy(name: string, rules: object): { createScriptURL(url: string): unknown };
}

let policy: { createScriptURL(url: string): unknown } | undefined;
const own = new Set<string>();

/** @param ownUrl the address of a worker of this build. Returns what `new Worker` takes. */
export function trustedUrl(ownUrl: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!types) return ownUrl;
  own.add(ownUrl);
  policy ??= types.createPolicy('ra3-worker', {
    createScriptURL: (url: string) => {
      if (!own.has(url)) throw new TypeError(`Only the lab's own workers may be started, not ${url}`);
      return url;
    },
  });
  return policy.createScriptURL(ownUrl) as string;
}
