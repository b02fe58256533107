// The entries of a zip file, found by its central directory and read one by one: what nobody asks for is never unpacked, and an entry that is stored as it
// is (weights in a bundle are) is read by slices of the zip itself.
// Promises: whatever the bytes are, entries or FormatError; no more memory than the entry that is asked for, up to the cap that is asked with.
// Refuses zips with too many entries, zip64, encryption and methods other than stored and deflated, entries that overrun the file, are larger than their
// cap, unpack to more than MAX_RATIO times their size, or do not have their checksum.
import { inflateSync } from 'fflate';
import { type ByteSource, fromBytes } from './byteSource.ts';
import { crc32 } from './crc32.ts';
import { FormatError, quote, showBytes } from './formatError.ts';
import { decodeUtf8 } from './json.ts';

export interface ZipEntry {
  name: string;
  /** Unpacked, as the directory says. */
  sizeBytes: number;
  packedBytes: number;
  deflated: boolean;
  crc: number;
  /** Of its local header. */
  at: number;
}

const MAX_ENTRIES = 10_000;
const MAX_DIRECTORY_BYTES = 4_000_000;
/** Text compresses to a fifth or a tenth; a bomb to a thousandth. */
const MAX_RATIO = 100;
const SMALL_BYTES = 256_000;
const PIECE_BYTES = 1 << 22;

const END = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const ZIP64 = 0xffffffff;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function damagedZip(source: ByteSource): FormatError {
  return new FormatError(`${quote(source.name)} is a damaged zip file. Download it again.`);
}

/** By name; of entries with one name the last, as unpackers do. */
export async function readZipEntries(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const file = quote(source.name);
  const { count, at, length } = await findDirectory(source);
  if (count > MAX_ENTRIES) throw new FormatError(`${file} has more than ${MAX_ENTRIES} entries and is not read.`);
  if (length > MAX_DIRECTORY_BYTES) throw new FormatError(`${file} lists its entries in ${showBytes(length)} and is not read.`);
  const bytes = await source.read(at, length);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let from = 0;
  for (let i = 0; i < count; i++) {
    if (from + CENTRAL_BYTES > length || view.getUint32(from, true) !== CENTRAL) throw damagedZip(source);
    const [flags, method] = [view.getUint16(from + 8, true), view.getUint16(from + 10, true)];
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((k) => view.getUint16(from + k, true)) as [number, number, number];
    const next = from + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes;
    if (next > length) throw damagedZip(source);
    const name = decodeUtf8(bytes.subarray(from + CENTRAL_BYTES, from + CENTRAL_BYTES + nameBytes), `${file}: a name in it`);
    const [packedBytes, sizeBytes, offset] = [20, 24, 42].map((k) => view.getUint32(from + k, true)) as [number, number, number];
    if ([packedBytes, sizeBytes, offset].includes(ZIP64))
      throw new FormatError(`${file} is a zip64 file; zip files up to 4 GB are read. Unpack it and drop what is inside.`);
    if ((flags & 1) !== 0 || (method !== 0 && method !== 8))
      throw new FormatError(`${file}: its ${quote(name)} is encrypted or packed by method ${method}; only plain zip files are read.`);
    if (offset + LOCAL_BYTES + packedBytes > source.size || (method === 0 && packedBytes !== sizeBytes)) throw damagedZip(source);
    entries.set(name, { name, sizeBytes, packedBytes, deflated: method === 8, crc: view.getUint32(from + 16, true), at: offset });
    from = next;
  }
  return entries;
}

async function findDirectory(source: ByteSource): Promise<{ count: number; at: number; length: number }> {
  const tail = Math.min(source.size, END_BYTES + MAX_COMMENT_BYTES);
  if (tail < END_BYTES) throw damagedZip(source);
  const view = viewOf(await source.read(source.size - tail, tail));
  for (let i = tail - END_BYTES; i >= 0; i--) {
    if (view.getUint32(i, true) !== END) continue;
    const [count, length, at] = [view.getUint16(i + 10, true), view.getUint32(i + 12, true), view.getUint32(i + 16, true)];
    if (at + length > source.size - tail + i) throw damagedZip(source);
    return { count, at, length };
  }
  throw damagedZip(source);
}

/** An entry's bytes: of one that is stored slices of the zip, of a deflated one what it unpacks to. Checked against its checksum before this returns. */
export async function openZipEntry(source: ByteSource, entry: ZipEntry, capBytes: number): Promise<ByteSource> {
  const { name, sizeBytes, packedBytes, deflated, crc } = entry;
  const file = quote(source.name);
  if (sizeBytes > capBytes)
    throw new FormatError(`${file}: its ${name} has ${showBytes(sizeBytes)}; up to ${showBytes(capBytes)} are read.`);
  if (deflated && sizeBytes > SMALL_BYTES && sizeBytes > packedBytes * MAX_RATIO)
    throw new FormatError(
      `${file}: its ${name} unpacks to ${Math.round(sizeBytes / Math.max(1, packedBytes))} times its size, which no file of a run does. It is not read.`,
    );
  const head = viewOf(await source.read(entry.at, LOCAL_BYTES));
  if (head.getUint32(0, true) !== LOCAL) throw damagedZip(source);
  const start = entry.at + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
  if (start + packedBytes > source.size) throw damagedZip(source);
  const opened = deflated
    ? fromBytes(name, inflated(source, await source.read(start, packedBytes), sizeBytes))
    : { name, size: sizeBytes, read: sliceReader(source, name, start, sizeBytes) };
  let found = 0;
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) found = crc32(await opened.read(at, Math.min(PIECE_BYTES, sizeBytes - at)), found);
  if (found !== crc) throw damagedZip(source);
  return opened;
}

/** What comes out is never more than `sizeBytes`. */
function inflated(source: ByteSource, packed: Uint8Array, sizeBytes: number): Uint8Array {
  try {
    return inflateSync(packed, { out: new Uint8Array(sizeBytes) });
  } catch {
    throw damagedZip(source);
  }
}

function sliceReader(source: ByteSource, name: string, start: number, sizeBytes: number): ByteSource['read'] {
  return async (offset, length) => {
    if (!(offset >= 0 && length >= 0 && offset + length <= sizeBytes))
      throw new FormatError(
        `${quote(name)}: bytes ${offset} to ${offset + length} are outside the file of ${sizeBytes} bytes: it is cut short.`,
      );
    return source.read(start + offset, length);
  };
}
