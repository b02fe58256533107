// Splits a stream of bytes into lines without ever holding more than one line of the limit. Lines end with LF or CRLF.
// Refuses nothing: a line over the limit comes out with null in place of its bytes.

export interface Line {
  /** From 1. */
  number: number;
  /** Without its line end; null where it was longer than the limit. */
  bytes: Uint8Array | null;
}

export async function* splitLines(chunks: AsyncIterable<Uint8Array>, limitBytes: number): AsyncGenerator<Line> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const take = (part: Uint8Array) => {
    sizeBytes += part.length;
    if (sizeBytes > limitBytes) parts = [];
    else parts.push(part);
  };
  const finish = (): Line => {
    const line = { number: number++, bytes: sizeBytes > limitBytes ? null : withoutReturn(concatenate(parts, sizeBytes)) };
    parts = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      take(chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (sizeBytes > 0) yield finish();
}

export function concatenate(parts: Uint8Array[], sizeBytes: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
