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
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types ra3-worker',
];

/** For a <meta> element, where frame-ancestors has no effect. */
export const META_POLICY = DIRECTIVES.join('; ');

/** Sent with every response. */
export const RESPONSE_HEADERS = {
  'Content-Security-Policy': [...DIRECTIVES, "frame-ancestors 'none'"].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};
