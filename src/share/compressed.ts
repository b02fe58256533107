// Bytes for links: raw deflate (capped while inflating), base64url. Pure apart from the platform's compression stream.
// Refuses, by its return value, data that does not inflate, inflates to more than asked, or is not canonical base64url.
import { Inflate } from 'fflate';

export async function deflateRaw(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What a piece unpacks to is at most a thousand times as long. */
const PIECE_BYTES = 128;

/**
 * Stops as soon as more than `limitBytes` have come out, at most 132 KB later. Not by the browser's DecompressionStream, which inflates all that it is handed
 * at once, on the thread that reads it, before any of it can be counted.
 */
export function inflateRaw(bytes: Uint8Array, limitBytes: number): Uint8Array<ArrayBuffer> | 'too long' | 'damaged' {
  const whole = new Uint8Array(limitBytes);
  let sizeBytes = 0;
  const inflating = new Inflate((part) => {
    if (sizeBytes + part.length <= limitBytes) whole.set(part, sizeBytes);
    sizeBytes += part.length;
  });
  try {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      inflating.push(bytes.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= bytes.length);
      if (sizeBytes > limitBytes) return 'too long';
    }
  } catch {
    return 'damaged';
  }
  return whole.slice(0, sizeBytes);
}

export function toBase64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** null when the text is not what toBase64Url writes. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return toBase64Url(bytes) === text ? bytes : null;
}
