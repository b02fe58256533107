// Snappy's raw format, unpacked. Promises: no more memory than `sizeBytes`, no more steps than the bytes that go in and come out.
// Refuses (RangeError) data that does not unpack to exactly `sizeBytes`.

/** Two bytes in make at most 64 out. */
const MAX_RATIO = 32;

export function unpackSnappy(packed: Uint8Array, sizeBytes: number): Uint8Array {
  let at = 0;
  let stated = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= packed.length || shift > 28) throw new RangeError('no length');
    const byte = packed[at++]!;
    stated += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (stated !== sizeBytes || sizeBytes > packed.length * MAX_RATIO) throw new RangeError('another length');
  const out = new Uint8Array(sizeBytes);
  let size = 0;
  const little = (bytes: number): number => {
    if (at + bytes > packed.length) throw new RangeError('cut short');
    let value = 0;
    for (let i = 0; i < bytes; i++) value += packed[at++]! * 2 ** (8 * i);
    return value;
  };
  while (at < packed.length) {
    const tag = packed[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = 1 + (short < 60 ? short : little(short - 59));
      if (at + length > packed.length || size + length > sizeBytes) throw new RangeError('too long');
      out.set(packed.subarray(at, at + length), size);
      at += length;
      size += length;
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = kind === 1 ? (tag >> 5) * 256 + little(1) : little(kind === 2 ? 2 : 4);
    if (back === 0 || back > size || size + length > sizeBytes) throw new RangeError('a copy from outside');
    if (back >= length) out.copyWithin(size, size - back, size - back + length);
    else for (let i = 0; i < length; i++) out[size + i] = out[size + i - back]!;
    size += length;
  }
  if (size !== sizeBytes) throw new RangeError('too short');
  return out;
}
