// Thrift's compact protocol, as far as Parquet's headers use it: structs, lists, numbers and bytes. What is not asked for is passed over and costs nothing.
// Promises: no more steps than there are bytes, nothing allocated but what the caller keeps.
// Refuses (FormatError) what runs past the end, numbers of more than ten bytes, nesting deeper than MAX_DEPTH, and kinds that Parquet does not use.
import { FormatError, quote } from '../formatError.ts';

const BOOLEAN_TRUE = 1;
const BOOLEAN_FALSE = 2;
const I8 = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BYTES = 8;
const LIST = 9;
const SET = 10;
const STRUCT = 12;
const MAX_DEPTH = 32;

/** A field of a struct, or an element of a list: read it by one of the methods below, or not at all. */
export type Kind = number;

export class ThriftReader {
  /** Of the next byte. */
  at: number;
  private readonly bytes: Uint8Array;
  private readonly file: string;
  private depth = 0;

  constructor(bytes: Uint8Array, file: string, at = 0) {
    this.bytes = bytes;
    this.file = file;
    this.at = at;
  }

  /** Calls `take` for every field; one that it returns false for is passed over. */
  struct(take: (id: number, kind: Kind) => boolean): void {
    if (++this.depth > MAX_DEPTH) throw this.damaged('it is nested too deep');
    let id = 0;
    for (;;) {
      const head = this.byte();
      if (head === 0) break;
      const delta = head >> 4;
      id = delta > 0 ? id + delta : this.integer(I16);
      const kind = head & 0x0f;
      if (!take(id, kind)) this.skip(kind);
    }
    this.depth--;
  }

  /** Calls `take` for every element, which has to read it. */
  list(kind: Kind, take: (kind: Kind, index: number) => void): void {
    if (kind !== LIST) throw this.damaged('a list was expected');
    const head = this.byte();
    const count = head >> 4 === 15 ? this.varint() : head >> 4;
    // an element has at least one byte
    if (count > this.bytes.length - this.at) throw this.damaged(`a list of ${count} elements does not fit into it`);
    for (let i = 0; i < count; i++) take(head & 0x0f, i);
  }

  /** A whole number that float64 holds exactly. */
  integer(kind: Kind): number {
    if (kind !== I16 && kind !== I32 && kind !== I64) throw this.damaged('a number was expected');
    const zigzag = this.varint();
    if (!Number.isSafeInteger(zigzag)) throw this.damaged(`it states the number ${zigzag / 2}`);
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  boolean(kind: Kind): boolean {
    if (kind !== BOOLEAN_TRUE && kind !== BOOLEAN_FALSE) throw this.damaged('true or false was expected');
    return kind === BOOLEAN_TRUE;
  }

  text(kind: Kind): string {
    if (kind !== BYTES) throw this.damaged('a text was expected');
    const bytes = this.take(this.length());
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.damaged('a name is not UTF-8');
    }
  }

  damaged(why: string): FormatError {
    return new FormatError(`${quote(this.file)} is no Parquet file or a damaged one: in a header ${why}. Download or write it again.`);
  }

  private skip(kind: Kind): void {
    if (kind === BOOLEAN_TRUE || kind === BOOLEAN_FALSE) return;
    if (kind === I8) this.take(1);
    else if (kind === I16 || kind === I32 || kind === I64) this.varint();
    else if (kind === DOUBLE) this.take(8);
    else if (kind === BYTES) this.take(this.length());
    else if (kind === STRUCT) this.struct(() => false);
    else if (kind === LIST || kind === SET) {
      if (++this.depth > MAX_DEPTH) throw this.damaged('it is nested too deep');
      this.list(LIST, (element) => (element === BOOLEAN_TRUE || element === BOOLEAN_FALSE ? void this.take(1) : this.skip(element)));
      this.depth--;
    } else throw this.damaged(`a value of kind ${kind} was found`);
  }

  private length(): number {
    const length = this.varint();
    if (length > this.bytes.length - this.at) throw this.damaged(`${length} bytes do not fit into it`);
    return length;
  }

  private take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw this.damaged('it ends too early');
    const from = this.at;
    this.at += length;
    return this.bytes.subarray(from, this.at);
  }

  private byte(): number {
    if (this.at >= this.bytes.length) throw this.damaged('it ends too early');
    return this.bytes[this.at++]!;
  }

  private varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw this.damaged('a number has more than ten bytes');
  }
}
