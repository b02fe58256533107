// Where the page's policy asks for Trusted Types, a worker's address must come from a named policy. Once per realm: the page starts the lab's worker,
// that one the worker for texts. Refuses any other address.

interface TrustedTypes {
  createPolicy(name: string, rules: object): { createScriptURL(url: string): unknown };
}

let policy: { createScriptURL(url: string): unknown } | undefined;

/** @param ownUrl the address of a worker of this build. Returns what `new Worker` takes. */
export function trustedUrl(ownUrl: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!types) return ownUrl;
  policy ??= types.createPolicy('ra3-worker', {
    createScriptURL: (url: string) => {
      if (url !== ownUrl) throw new TypeError(`Only the lab's own worker may be started, not ${url}`);
      return url;
    },
  });
  return policy.createScriptURL(ownUrl) as string;
}
