// How the page is built and, for development, served. The content security policy is written into the built HTML; Vite's development
// server needs inline scripts and so goes without.
import react from '@vitejs/plugin-react';
import { type BuildEnvironmentOptions, defineConfig, type Plugin } from 'vite';
import { META_POLICY } from './scripts/policy.mjs';
import { writeSiteFiles } from './scripts/siteFiles.mjs';

export function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: META_POLICY }, injectTo: 'head-prepend' },
    ],
  };
}

/** The service worker's list of files, written when all of them are there. */
function siteFiles(): Plugin {
  return { name: 'site-files', apply: 'build', enforce: 'post', writeBundle: ({ dir }) => writeSiteFiles(dir!) };
}

/** What every built page shares: the policy allows no inline script, style or data: script. */
export const pageBuild: BuildEnvironmentOptions = {
  target: 'es2023',
  assetsInlineLimit: 0,
  modulePreload: { polyfill: false },
  chunkSizeWarningLimit: 2000,
};

/** How long the bundler's plugins took is no news to whoever starts the lab; slow machines are told of it otherwise. */
const checks = { bundlerTimings: false };

export default defineConfig({
  base: './',
  plugins: [react(), contentSecurityPolicy(), siteFiles()],
  worker: { format: 'es', rolldownOptions: { checks } },
  build: {
    ...pageBuild,
    outDir: 'dist/page',
    rolldownOptions: {
      checks,
      input: { index: 'index.html', headless: 'headless.html', sw: 'src/worker/site.worker.ts' },
      // A service worker serves the folder that it lies in, under a name that stays.
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
});
