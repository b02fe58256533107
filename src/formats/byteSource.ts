// Random access to a file's bytes, so that readers take only what they need. Every read returns a fresh array.
// Refuses reads outside the file and files that changed or vanished while being read.
import { FormatError, quote, showBytes } from './formatError.ts';

export interface ByteSource {
  name: string;
  size: number;
  /** A fresh array of exactly `length` bytes. Throws FormatError when the range is outside or the file cannot be read. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function fromBytes(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
  };
}

export function fromBlob(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      checkRange(name, blob.size, offset, length);
      let buffer: ArrayBuffer;
      try {
        buffer = await blob.slice(offset, offset + length).arrayBuffer();
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        throw new FormatError(`${quote(name)} can no longer be read (${cause}). It was moved, deleted or changed: drop it again.`);
      }
      if (buffer.byteLength !== length) {
        throw new FormatError(`${quote(name)} gave ${buffer.byteLength} of ${length} bytes: it changed while being read. Drop it again.`);
      }
      return new Uint8Array(buffer);
    },
  };
}

/** The whole file, refused above `limitBytes` before anything is read. */
export async function readAll(source: ByteSource, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size > limitBytes) {
    throw new FormatError(`${quote(source.name)} has ${showBytes(source.size)}; such a file is read up to ${showBytes(limitBytes)}.`);
  }
  return source.read(0, source.size);
}

function checkRange(name: string, size: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > size) {
    throw new FormatError(`${quote(name)}: bytes ${offset} to ${offset + length} are outside the file of ${size} bytes: it is cut short.`);
  }
}
