// The one error class of links: its message says why a link cannot be opened or made, and what to do.

export class LinkError extends Error {
  override name = 'LinkError';
}
