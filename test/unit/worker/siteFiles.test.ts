// The files of a build as the service worker keeps them, with caches and a host made here.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { RESPONSE_HEADERS, SANDBOX_POLICY } from '../../../scripts/policy.mjs';
import { cacheName, cachePrefix, fetchOwn, keep, pathIn, underPolicy } from '../../../src/worker/siteFiles.ts';

const SCOPE = 'https://host.example/a/b/';
const hash = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');

/** A host that has these files, as bare as a host can be. */
function hostOf(files: Record<string, string | Uint8Array>, asked: string[] = []): typeof fetch {
  return async (address) => {
    const path = String(address).slice(SCOPE.length);
    asked.push(path);
    return files[path] === undefined ? new Response('none', { status: 404 }) : new Response(files[path] as BodyInit);
  };
}

function cacheOf(entries = new Map<string, Response>()) {
  return {
    entries,
    cache: {
      keys: async () => [...entries.keys()].map((url) => ({ url })),
      put: async (address: string, response: Response) => void entries.set(address, response),
      match: async (address: string) => entries.get(address)?.clone(),
    } as unknown as Cache,
  };
}

const noOlder = { match: async () => undefined } as unknown as CacheStorage;

describe('the files of a site', () => {
  it('are those of its own folder alone', () => {
    expect(pathIn(SCOPE, `${SCOPE}?x=1#v1.abc`)).toBe('index.html');
    expect(pathIn(SCOPE, `${SCOPE}assets/a-1.js`)).toBe('assets/a-1.js');
    expect(pathIn(SCOPE, 'https://host.example/a/other.js')).toBeNull();
    expect(pathIn(SCOPE, 'https://other.example/a/b/x.js')).toBeNull();
  });

  it('are kept apart from those of another copy on the same origin', () => {
    expect(cacheName(SCOPE, '1').startsWith(cachePrefix(SCOPE))).toBe(true);
    expect(cacheName('https://host.example/a/b/c/', '1').startsWith(cachePrefix(SCOPE))).toBe(false);
  });

  it("come with the page's headers, the sandbox's page with its own policy, whatever the host sent", async () => {
    const plain = new Response('x', {
      headers: { 'content-type': 'text/javascript', 'content-security-policy': 'default-src *', 'set-cookie': 'a' },
    });
    const given = underPolicy('assets/a.js', plain);
    expect(Object.fromEntries(given.headers)).toEqual({
      ...Object.fromEntries(Object.entries(RESPONSE_HEADERS).map(([name, value]) => [name.toLowerCase(), value])),
      'content-type': 'text/javascript',
    });
    expect(await given.text()).toBe('x');
    expect(underPolicy('sandbox.html', new Response('x')).headers.get('content-security-policy')).toBe(SANDBOX_POLICY);
  });

  it('R55 a file of another release is refused, and with it the whole build', async () => {
    const { cache } = cacheOf();
    const files = { 'index.html': [hash('new')], 'demo/log.jsonl.gz': [hash('log')] };
    const get = hostOf({ 'index.html': 'old', 'demo/log.jsonl.gz': 'log' });
    await expect(keep(files, SCOPE, cache, { caches: noOlder, get })).rejects.toThrow(/index\.html is not the file of this build/);
    await expect(fetchOwn(`${SCOPE}none.js`, 'none.js', [], hostOf({}))).rejects.toThrow(/none\.js could not be fetched: HTTP 404/);
  });

  it('R55 an update fetches what has changed; what carries its hash in its name is taken from the older build', async () => {
    const older = cacheOf(
      new Map([
        [`${SCOPE}assets/a-1.js`, new Response('a')],
        [`${SCOPE}icon.svg`, new Response('old icon')],
      ]),
    );
    const asked: string[] = [];
    const own = cacheOf();
    await keep({ 'assets/a-1.js': [hash('a')], 'icon.svg': [hash('icon')] }, SCOPE, own.cache, {
      caches: older.cache as unknown as CacheStorage,
      get: hostOf({ 'icon.svg': 'icon' }, asked),
    });
    expect(asked).toEqual(['icon.svg']);
    expect(await own.entries.get(`${SCOPE}icon.svg`)!.text()).toBe('icon');
    expect(own.entries.get(`${SCOPE}assets/a-1.js`)!.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    await keep({ 'icon.svg': [hash('icon')] }, SCOPE, own.cache, { caches: noOlder, get: hostOf({}, asked) });
    expect(asked).toEqual(['icon.svg']);
  });

  it('are the same ones when the host inflates what is gzipped', async () => {
    const zipped = gzipSync('log');
    const hashes = [hash(zipped), hash('log')];
    for (const sent of [zipped, 'log']) {
      expect((await fetchOwn(`${SCOPE}demo/log.jsonl.gz`, 'demo/log.jsonl.gz', hashes, hostOf({ 'demo/log.jsonl.gz': sent }))).ok).toBe(
        true,
      );
    }
  });
});
