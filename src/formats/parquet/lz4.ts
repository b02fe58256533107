// LZ4's block format (Parquet's LZ4_RAW), unpacked. Promises: no more memory than `sizeBytes`, no more steps than the bytes that go in and come out.
// Refuses (RangeError) data that does not unpack to exactly `sizeBytes`.

const LEAST_MATCH = 4;

export function unpackLz4(packed: Uint8Array, sizeBytes: number): Uint8Array {
  const out = new Uint8Array(sizeBytes);
  let at = 0;
  let size = 0;
  const byte = (): number => {
    if (at >= packed.length) throw new RangeError('too few bytes');
    return packed[at++]!;
  };
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) more = byte();
    return length;
  };
  while (at < packed.length) {
    const token = byte();
    const literals = lengthOf(token >> 4);
    if (literals > packed.length - at || literals > sizeBytes - size) throw new RangeError('too long');
    out.set(packed.subarray(at, at + literals), size);
    at += literals;
    size += literals;
    if (at === packed.length) break;
    const back = byte() + 256 * byte();
    const length = LEAST_MATCH + lengthOf(token & 15);
    if (back === 0 || back > size || length > sizeBytes - size) throw new RangeError('a copy from outside');
    for (let i = size; i < size + length; i++) out[i] = out[i - back]!;
    size += length;
  }
  if (size !== sizeBytes) throw new RangeError('too short');
  return out;
}
