// The one error class that readers of foreign bytes throw. Its message names the file, what is wrong, the value, the limit and what to do
// now. Foreign text in a message is cut and stays text: whoever shows it must not treat it as markup.

export class FormatError extends Error {
  override name = 'FormatError';
}

/** Foreign text for a message: quoted, control characters escaped, cut to `limit` characters. */
export function quote(text: string, limit = 80): string {
  return JSON.stringify(text.length > limit ? `${text.slice(0, limit)}…` : text);
}

/** A byte count for a message. */
export function showBytes(sizeBytes: number): string {
  if (sizeBytes < 10_000) return `${sizeBytes} bytes`;
  if (sizeBytes < 10_000_000) return `${(sizeBytes / 1e3).toFixed(0)} kB`;
  return `${(sizeBytes / 1e6).toFixed(0)} MB`;
}
