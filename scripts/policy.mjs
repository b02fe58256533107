// The content security policy of the page, in one place: the build writes it into every HTML file, the server sends it as a header.
// It is what keeps models, data and logs in the tab: nothing may be fetched from, or sent to, any other origin.

const DIRECTIVES = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types ra3-worker',
];

/** For a <meta> element, where frame-ancestors has no effect. */
export const META_POLICY = DIRECTIVES.join('; ');

/**
 * Of sandbox.html alone, the frame in which foreign Python runs: the hash is of the script in it, blobs are what the page posts into it, and only it
 * may compile WebAssembly. Its workers inherit all of this. No network at all: what it needs is posted in.
 */
const SANDBOX_DIRECTIVES = [
  "default-src 'none'",
  "script-src 'sha256-Xj7vxz7tqZIk7A94QzDJ75QB9kIjhPSzT4TTqC6dN/M=' blob: 'wasm-unsafe-eval'",
  'worker-src blob:',
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

/** In the <meta> element of public/sandbox.html. */
export const SANDBOX_META_POLICY = SANDBOX_DIRECTIVES.join('; ');

/** Sent with sandbox.html in place of the page's policy. */
export const SANDBOX_POLICY = [...SANDBOX_DIRECTIVES, 'sandbox allow-scripts', "frame-ancestors 'self'"].join('; ');

/** Sent with every response. */
export const RESPONSE_HEADERS = {
  'Content-Security-Policy': [...DIRECTIVES, "frame-ancestors 'none'"].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};
