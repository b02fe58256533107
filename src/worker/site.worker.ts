// The service worker: keeps the files of its own build, so that the page opens offline, and gives them the headers (isolation and policy) that a
// plain host does not send. Promises that one page never sees two releases: it answers from its own build, checked by hashes, and waits until no
// page of an older one is open, or the only one asks it to take over. Touches no request that leaves the site's folder, and keeps nothing but the build's files.
import { cacheName, cachePrefix, fetchOwn, keep, keepOlder, pathIn, type SiteFiles, underPolicy } from './siteFiles.ts';

const worker = self as unknown as ServiceWorkerGlobalScope & { site: SiteFiles };
const { site } = worker;
const scope = worker.registration.scope;

function ownCache(): Promise<Cache> {
  return caches.open(cacheName(scope, site.build));
}

worker.addEventListener('install', (event) => {
  event.waitUntil(ownCache().then((cache) => keep(site.core, scope, cache, { caches, get: fetch })));
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const own = cacheName(scope, site.build);
      // a page asks for the rest later, when older builds are gone
      await keepOlder(site.rest, scope, await ownCache(), caches);
      for (const name of await caches.keys()) if (name.startsWith(cachePrefix(scope)) && name !== own) await caches.delete(name);
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return;
  const path = pathIn(scope, event.request.url);
  if (path !== null) event.respondWith(answer(path, event.request));
});

async function answer(path: string, request: Request): Promise<Response> {
  const cache = await ownCache();
  const address = new URL(path, scope).href;
  const kept = await cache.match(address);
  if (kept) return kept;
  const hashes = site.core[path] ?? site.rest[path];
  if (!hashes) {
    const response = await fetch(request);
    return response.type === 'basic' && !response.redirected ? underPolicy(path, response) : response;
  }
  const own = await fetchOwn(address, path, hashes, fetch);
  await cache.put(address, own.clone());
  return own;
}

/** What a page may ask: which build this is, to keep the rest of it, and to take over from the build that the page is of. */
worker.addEventListener('message', (event) => {
  const { data, ports } = event as { data: unknown; ports: readonly MessagePort[] };
  const reply = (answer: unknown): void => ports[0]?.postMessage(answer);
  if (data === 'build') reply(site.build);
  if (data === 'keep the rest') {
    event.waitUntil(
      ownCache()
        .then((cache) => keep(site.rest, scope, cache, { caches, get: fetch }))
        .then(
          () => reply(null),
          (error: unknown) => reply(error instanceof Error ? error.message : String(error)),
        ),
    );
  }
  if (data === 'take over') {
    event.waitUntil(
      (async () => {
        const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
        const open = pages.filter((page) => pathIn(scope, page.url) !== null && page.frameType !== 'nested').length;
        if (open <= 1) await worker.skipWaiting();
        reply(open);
      })(),
    );
  }
});
