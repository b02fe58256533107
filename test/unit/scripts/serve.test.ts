// The server of the built page: its headers, its types, and what it refuses.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/paths.mjs';
import { SANDBOX_META_POLICY, SANDBOX_POLICY } from '../../../scripts/policy.mjs';
import { serve } from '../../../scripts/serve.mjs';

let folder: string;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ra3-lab-serve-'));
  const dir = join(folder, 'page');
  mkdirSync(join(dir, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(dir, 'index.html'), '<!doctype html>page');
  writeFileSync(join(dir, 'sandbox.html'), '<!doctype html>sandbox');
  writeFileSync(join(dir, 'assets', 'a-1.js'), 'export {};');
  symlinkSync(join(folder, 'secret.txt'), join(dir, 'link.txt'));
  server = await serve({ dir, port: 0 });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Sends the path as it stands; fetch would tidy it first. */
function get(path: string, method = 'GET'): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path, method }, (response) => {
      let body = '';
      response.on('data', (piece) => (body += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('serve', () => {
  it('gives the page with the policy that keeps everything in the tab', async () => {
    const { status, headers, body } = await get('/');
    expect(status).toBe(200);
    expect(body).toBe('<!doctype html>page');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; " +
        "font-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; " +
        "trusted-types ra3-worker; frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
  });

  it("gives the sandbox's page a policy of its own, which its own file holds too, with the hash of its script", async () => {
    const { headers } = await get('/sandbox.html');
    expect(headers['content-security-policy']).toBe(SANDBOX_POLICY);
    expect(SANDBOX_POLICY).toMatch(/default-src 'none';.*connect-src 'none';.*sandbox allow-scripts; frame-ancestors 'self'$/);
    const html = readFileSync(join(ROOT, 'public', 'sandbox.html'), 'utf8');
    expect(/http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]).toBe(SANDBOX_META_POLICY);
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
    expect(SANDBOX_META_POLICY).toContain(`'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  });

  it('gives scripts their type and lets hashed files be kept', async () => {
    const { headers } = await get('/assets/a-1.js?x=1');
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(headers['cache-control']).toContain('immutable');
    expect((await get('/assets/a-1.js', 'HEAD')).body).toBe('');
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/..%5csecret.txt',
    '/link.txt',
    '/assets',
    '/assets/',
    '/%00',
    '/%zz',
    '/none.js',
    '//etc/passwd',
  ])('refuses %s', async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body).not.toContain('secret');
  });

  it('answers GET and HEAD only', async () => {
    expect((await get('/', 'POST')).status).toBe(405);
  });

  it('takes the next port when one is taken', async () => {
    const other = await serve({ dir: join(folder, 'page'), port: server.port });
    expect(other.port).toBeGreaterThan(server.port);
    await other.close();
  });
});
