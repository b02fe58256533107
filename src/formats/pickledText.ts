// The private tests of LiveCodeBench: base64 of zlib of a pickle that holds one string. The string is read out of the pickle's few opcodes; nothing is
// ever unpickled. Refuses (FormatError) anything else, and texts of more than MAX_TEXT_BYTES.
import { Unzlib } from 'fflate';
import { FormatError, showBytes } from './formatError.ts';
import { decodeUtf8 } from './json.ts';
import { concatenate } from './lines.ts';

const MAX_TEXT_BYTES = 256_000_000;

/** @param what names the value in errors. */
export function readPickledText(base64: string, what: string): string {
  let packed: Uint8Array;
  try {
    packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    throw new FormatError(`${what} is not base64.`);
  }
  return readPickle(inflate(packed, what), what);
}

function inflate(packed: Uint8Array, what: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const stream = new Unzlib((part) => {
    sizeBytes += part.length;
    if (sizeBytes > MAX_TEXT_BYTES) throw new FormatError(`${what} unpacks to more than ${showBytes(MAX_TEXT_BYTES)}, which is the limit.`);
    parts.push(part);
  });
  try {
    // piece by piece, so that a bomb stops at the limit
    for (let at = 0; at < packed.length; at += 65_536) stream.push(packed.subarray(at, at + 65_536), at + 65_536 >= packed.length);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${what} cannot be unpacked: its zlib data is damaged.`);
  }
  return concatenate(parts, sizeBytes);
}

/** PROTO, FRAME?, one of the three unicode opcodes, memo?, STOP. */
function readPickle(bytes: Uint8Array, what: string): string {
  const refuse = (): never => {
    throw new FormatError(`${what} is a pickle of something else than one text; pickles are programs and are not run here.`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const need = (count: number): void => {
    if (at + count > bytes.length) refuse();
  };
  const long = (): number => {
    need(8);
    const value = Number(view.getBigUint64(at, true));
    at += 8;
    return value;
  };
  if (bytes[at] === 0x80) at += 2;
  if (bytes[at] === 0x95) {
    at += 1;
    long();
  }
  const opcode = bytes[at++];
  let length: number;
  if (opcode === 0x8c) {
    need(1);
    length = bytes[at++] as number;
  } else if (opcode === 0x58) {
    need(4);
    length = view.getUint32(at, true);
    at += 4;
  } else if (opcode === 0x8d) length = long();
  else return refuse();
  need(length);
  const text = decodeUtf8(bytes.subarray(at, at + length), what);
  at += length;
  // the memo: MEMOIZE, BINPUT, LONG_BINPUT
  if (bytes[at] === 0x94) at += 1;
  else if (bytes[at] === 0x71) at += 2;
  else if (bytes[at] === 0x72) at += 5;
  if (bytes[at] !== 0x2e || at + 1 !== bytes.length) refuse();
  return text;
}
