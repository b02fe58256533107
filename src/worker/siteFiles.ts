// The files of one build as the service worker keeps them: which there are, with the hashes that they must have, and the headers that each is
// given. Promises that a kept build is whole and of one release: a file whose bytes are not this build's is refused, and with it the whole build.
// Refuses to answer for anything outside the site's own folder.
import { RESPONSE_HEADERS, SANDBOX_POLICY } from '../../scripts/policy.mjs';

/** Written in front of the service worker's script by the build. */
export interface SiteFiles {
  build: string;
  /** What the page needs to open and run: path relative to the site's folder -> the SHA-256 of its bytes, and of what it inflates to if it is gzipped. */
  core: Record<string, string[]>;
  /** What it needs for Python alone: large, kept after the page stands. */
  rest: Record<string, string[]>;
}

const CACHE_PREFIX = 'ra3-lab';

/** Caches belong to the whole origin, where other copies of the lab may live: the folder is part of the name. */
export function cacheName(scope: string, build: string): string {
  return `${cachePrefix(scope)}${build}`;
}

export function cachePrefix(scope: string): string {
  return `${CACHE_PREFIX} ${new URL(scope).pathname} `;
}

/** The file that an address means, relative to the site's folder; null for what is not in it. */
export function pathIn(scope: string, address: string): string | null {
  const url = new URL(address);
  const root = new URL(scope);
  if (url.origin !== root.origin || !url.pathname.startsWith(root.pathname)) return null;
  const path = url.pathname.slice(root.pathname.length);
  return path === '' || path.endsWith('/') ? `${path}index.html` : path;
}

/** Which policy each file of the page is sent with: as our own server does it. */
export function headersFor(path: string): Record<string, string> {
  return path === 'sandbox.html' ? { ...RESPONSE_HEADERS, 'Content-Security-Policy': SANDBOX_POLICY } : RESPONSE_HEADERS;
}

/** The same answer under the page's policy. Its type stays what the host says. */
export function underPolicy(path: string, response: Response, body: BodyInit | null = response.body): Response {
  const headers = new Headers();
  const type = response.headers.get('content-type');
  if (type !== null) headers.set('content-type', type);
  for (const [name, value] of Object.entries(headersFor(path))) headers.set(name, value);
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

/** What the host has at the address now, if its bytes are those of this build. */
export async function fetchOwn(address: string, path: string, hashes: readonly string[], get: typeof fetch): Promise<Response> {
  // a host may let browsers keep files for minutes, over a release
  const response = await get(address, { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${path} could not be fetched: HTTP ${response.status}.`);
  const bytes = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (!hashes.includes(hash))
    throw new Error(`${path} is not the file of this build: the host has another release, or changes what it sends.`);
  return underPolicy(path, response, bytes);
}

/** Puts files into the cache, those that are there already left out: from older builds where they can be, else from the host. */
export async function keep(
  files: SiteFiles['core'],
  scope: string,
  cache: Cache,
  { caches, get }: { caches: CacheStorage; get: typeof fetch },
): Promise<void> {
  await Promise.all(
    (await keepOlder(files, scope, cache, caches)).map(async (path) => {
      const address = new URL(path, scope).href;
      await cache.put(address, await fetchOwn(address, path, files[path]!, get));
    }),
  );
}

/** Puts files whose name carries their hash into the cache from older builds that have them. Returns the paths that are in neither. */
export async function keepOlder(files: SiteFiles['core'], scope: string, cache: Cache, caches: CacheStorage): Promise<string[]> {
  const present = new Set((await cache.keys()).map((request) => request.url));
  const missing = await Promise.all(
    Object.keys(files).map(async (path) => {
      const address = new URL(path, scope).href;
      if (present.has(address)) return [];
      const older = path.startsWith('assets/') ? await caches.match(address) : undefined;
      if (!older) return [path];
      // an older build may have had another policy: the bytes are its, the headers ours
      await cache.put(address, underPolicy(path, older));
      return [];
    }),
  );
  return missing.flat();
}
