// The codecs that pages are packed by: which are read, and how a page is unpacked, in plain JavaScript (no worker of the page may compile WebAssembly).
// Promises: exactly `sizeBytes`, or RangeError before more memory than that is taken.
// Refuses (FormatError), by name and with the way to convert, codecs that are not read.
import { gunzipSync } from 'fflate';
import { crc32 } from '../crc32.ts';
import { FormatError, quote } from '../formatError.ts';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';
import { unpackZstd } from './zstd.ts';

const CODECS = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'];

/** `ratio`: more than the codec can do; what states more is a lie. */
const UNPACKERS: Record<string, { ratio: number; unpack: (packed: Uint8Array, sizeBytes: number) => Uint8Array }> = {
  SNAPPY: { ratio: 32, unpack: unpackSnappy },
  GZIP: { ratio: 1100, unpack: unpackGzip },
  ZSTD: { ratio: 1 << 17, unpack: unpackZstd },
  LZ4_RAW: { ratio: 256, unpack: unpackLz4 },
};

export function refuseCodec(file: string, codec: number): void {
  const name = CODECS[codec] ?? `number ${codec}`;
  if (name === 'UNCOMPRESSED' || Object.hasOwn(UNPACKERS, name)) return;
  throw new FormatError(
    `${quote(file)} is packed by ${name}, which is not read; ${Object.keys(UNPACKERS).join(', ')} are, and files that are not packed. ` +
      'Convert it: pandas.read_parquet(f).to_parquet("rows.parquet", compression="snappy").',
  );
}

/** @param spend is told of memory before it is taken. */
export function unpackPage(codec: number, packed: Uint8Array, sizeBytes: number, spend: (bytes: number) => void): Uint8Array {
  const name = CODECS[codec] ?? '';
  const unpacker = UNPACKERS[name];
  if (!unpacker) {
    if (packed.length !== sizeBytes) throw new RangeError('another size than it says');
    return packed;
  }
  if (packed.length === 0 && sizeBytes === 0) return packed;
  if (!(sizeBytes >= 0 && sizeBytes <= packed.length * unpacker.ratio)) throw new RangeError(`${sizeBytes} bytes in ${packed.length}`);
  spend(sizeBytes);
  try {
    return unpacker.unpack(packed, sizeBytes);
  } catch {
    throw new RangeError(`${name} data that cannot be unpacked`);
  }
}

/** One member, as long as it says; fflate fills what it is given and no more, and looks at no checksum. */
function unpackGzip(packed: Uint8Array, sizeBytes: number): Uint8Array {
  const page = gunzipSync(packed, { out: new Uint8Array(sizeBytes) });
  const trailer = new DataView(packed.buffer, packed.byteOffset + packed.length - 8, 8);
  if (page.length !== sizeBytes || trailer.getUint32(4, true) !== sizeBytes || trailer.getUint32(0, true) !== crc32(page))
    throw new RangeError('another size or checksum');
  return page;
}
