// Builds a page of the tests with Vite as the real page is built (same policy, same shaders) into a folder of its own and serves it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { ROOT } from '../../scripts/paths.mjs';
import { serve } from '../../scripts/serve.mjs';
import { contentSecurityPolicy, pageBuild } from '../../vite.config.ts';

export interface ServedPage {
  /** Address of the page itself. */
  url: string;
  close(): Promise<void>;
}

/** `html` is relative to the repository's root. */
export async function buildAndServe(html: string): Promise<ServedPage> {
  const outDir = mkdtempSync(join(tmpdir(), 'ra3-lab-page-'));
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    base: './',
    publicDir: false,
    plugins: [contentSecurityPolicy()],
    worker: { format: 'es' },
    build: { ...pageBuild, outDir, emptyOutDir: true, minify: false, rolldownOptions: { input: html } },
  });
  const server = await serve({ dir: outDir, port: 0 });
  return {
    url: server.url + html,
    close: async () => {
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}
