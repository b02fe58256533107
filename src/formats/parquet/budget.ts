// What a file may become in memory: unpacked pages, a few bytes for every value and row, and every further use of a value that a dictionary has once. A file of
// a few bytes that states millions of values, or unpacks to gigabytes, stops here before the memory is taken.
import { FormatError, quote, showBytes } from '../formatError.ts';

/** As for gzipped JSONL (formats/jsonl.ts). */
const FLOOR_BYTES = 64_000_000;
const RATIO = 100;

export class Budget {
  private left: number;
  private readonly limit: number;
  private readonly file: string;

  constructor(file: string, sizeBytes: number) {
    this.file = file;
    this.limit = Math.max(FLOOR_BYTES, sizeBytes * RATIO);
    this.left = this.limit;
  }

  take(bytes: number): void {
    this.left -= bytes;
    if (!(this.left >= 0))
      throw new FormatError(
        `${quote(this.file)} unpacks to more than ${showBytes(this.limit)}, which is the limit for its size. Split it, or give JSONL.`,
      );
  }
}
