// Bytes for links: raw deflate (capped while inflating), base64url. Pure apart from the platform's compression streams.
// Refuses, by its return value, data that does not inflate, inflates to more than asked, or is not canonical base64url.

export async function deflateRaw(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Stops as soon as more than `limitBytes` have come out. */
export async function inflateRaw(bytes: Uint8Array<ArrayBuffer>, limitBytes: number): Promise<Uint8Array | 'too long' | 'damaged'> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const whole = new Uint8Array(limitBytes);
  let sizeBytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return whole.subarray(0, sizeBytes);
      if (sizeBytes + value.length > limitBytes) {
        await reader.cancel();
        return 'too long';
      }
      whole.set(value, sizeBytes);
      sizeBytes += value.length;
    }
  } catch {
    return 'damaged';
  }
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
