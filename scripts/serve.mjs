// Serves one folder of built files on 127.0.0.1 with the page's security headers. GET and HEAD only; never a file outside the folder,
// never a folder listing.
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { RESPONSE_HEADERS, SANDBOX_POLICY } from './policy.mjs';

const HOST = '127.0.0.1';
const PORTS_TRIED = 50;

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.jsonl': 'application/jsonl; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.wgsl': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.zip': 'application/zip',
};

/**
 * Starts the server. `port` is tried first, then the ones after it; 0 takes any free one.
 * @param {{ dir: string, port?: number }} options
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function serve({ dir, port = 4173 }) {
  const root = realpathSync(dir);
  const server = createServer((request, response) => answer(root, request, response));
  const taken = await listen(server, port);
  return {
    url: `http://localhost:${taken}/`,
    port: taken,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * @param {import('node:http').Server} server
 * @param {number} first
 * @returns {Promise<number>}
 */
async function listen(server, first) {
  for (let port = first; ; port++) {
    try {
      await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, HOST, () => {
          server.off('error', reject);
          resolve(undefined);
        });
      });
      return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
    } catch (error) {
      const code = /** @type {NodeJS.ErrnoException} */ (error).code;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      if (port >= first + PORTS_TRIED) throw new Error(`Ports ${first} to ${port} of ${HOST} are all taken. Give another with --port.`);
    }
  }
}

/**
 * @param {string} root
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
function answer(root, request, response) {
  for (const [name, value] of Object.entries(RESPONSE_HEADERS)) response.setHeader(name, value);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'Only GET and HEAD are answered.');
  }
  const file = resolveFile(root, request.url ?? '/');
  if (file === null) return refuse(response, 404, 'There is no such file.');
  response.statusCode = 200;
  if (file.path === join(root, 'sandbox.html')) response.setHeader('Content-Security-Policy', SANDBOX_POLICY);
  response.setHeader('Content-Type', TYPES[extname(file.path).toLowerCase()] ?? 'application/octet-stream');
  response.setHeader('Content-Length', file.sizeBytes);
  // Files under assets/ carry a hash of their content in their name.
  response.setHeader('Cache-Control', file.path.startsWith(join(root, 'assets') + sep) ? 'max-age=31536000, immutable' : 'no-cache');
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(file.path)
      .on('error', () => response.destroy())
      .pipe(response);
}

/**
 * The file that a request means, or null. Links are followed first, so that none leads out of the folder.
 * @param {string} root
 * @param {string} url
 * @returns {{ path: string, sizeBytes: number } | null}
 */
function resolveFile(root, url) {
  try {
    const name = decodeURIComponent(url.split(/[?#]/)[0]);
    if (!name.startsWith('/') || name.includes('\0') || name.includes('\\')) return null;
    const path = realpathSync(join(root, name.endsWith('/') ? `${name}index.html` : name));
    if (!path.startsWith(root + sep)) return null;
    const info = statSync(path);
    return info.isFile() ? { path, sizeBytes: info.size } : null;
  } catch {
    return null;
  }
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {string} message
 */
function refuse(response, status, message) {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${message}\n`);
}
