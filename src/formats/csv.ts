// Records of CSV (RFC 4180) and of the same with tabs, from a stream of bytes: fields in quotes may hold the delimiter, line ends and doubled quotes; records end
// with CRLF or LF; a byte-order mark at the beginning is dropped, blank lines are passed over. Every value is text.
// Promises: never more than one record of the limit is held, and no more steps than there are bytes.
// A record that is not such (a quote inside a field without quotes, text after the closing quote, a lone CR, bytes that are not UTF-8, too long) comes out
// with what is wrong with it, and reading goes on after its line.
// Refuses (FormatError) a quote that is never closed: all that follows would be one field.
import { FormatError, quote, showBytes } from './formatError.ts';
import { concatenate } from './lines.ts';

export interface CsvRecord {
  /** From 1, the one where it begins. */
  line: number;
  /** null where it cannot be read. */
  fields: string[] | null;
  /** What is wrong with it. */
  message: string | null;
}

/** Where in a record the next byte lies. */
type Place = 'field start' | 'plain' | 'quoted' | 'after quote' | 'after return' | 'skipped';

const [LF, CR, QUOTE] = [0x0a, 0x0d, 0x22];

/** The records that end in each chunk. @param delimiter one ASCII character. */
export async function* splitRecords(
  chunks: AsyncIterable<Uint8Array>,
  delimiter: string,
  limitBytes: number,
  file: string,
): AsyncGenerator<CsvRecord[]> {
  const splitter = new Splitter(delimiter.charCodeAt(0), limitBytes, file);
  for await (const chunk of chunks) yield splitter.push(chunk);
  yield splitter.end();
}

class Splitter {
  private readonly delimiter: number;
  private readonly limitBytes: number;
  private readonly file: string;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private place: Place = 'field start';
  private line = 1;
  private out: CsvRecord[] = [];
  // of the record that is being read
  private begunAt = 1;
  private sizeBytes = 0;
  private fields: string[] = [];
  private parts: Uint8Array[] = [];
  private hasQuotes = false;
  private message: string | null = null;
  private isFirst = true;

  constructor(delimiter: number, limitBytes: number, file: string) {
    this.delimiter = delimiter;
    this.limitBytes = limitBytes;
    this.file = file;
  }

  push(chunk: Uint8Array): CsvRecord[] {
    /** Of the part of a field, and of the record, that are in this chunk. */
    let from = 0;
    let recordFrom = 0;
    const endField = (at: number): void => {
      if (this.place !== 'after quote' && at > from) this.parts.push(chunk.subarray(from, at));
      this.endField();
    };
    const endRecord = (at: number): void => {
      this.sizeBytes += at - recordFrom;
      recordFrom = at + 1;
      this.endRecord();
    };
    let i = 0;
    if (this.isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) i = 3;
    this.isFirst = false;
    for (; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === LF) this.line++;
      if (this.place === 'field start') {
        this.place = byte === QUOTE ? 'quoted' : 'plain';
        from = byte === QUOTE ? i + 1 : i;
        this.hasQuotes ||= byte === QUOTE;
        if (byte === QUOTE) continue;
      }
      switch (this.place) {
        case 'plain':
        case 'after quote':
          if (byte === this.delimiter) endField(i);
          else if (byte === LF) {
            endField(i);
            endRecord(i);
          } else if (byte === CR) {
            endField(i);
            this.place = 'after return';
          } else if (this.place === 'after quote') {
            if (byte === QUOTE) {
              from = i;
              this.place = 'quoted';
            } else this.skip('text after a closing quote');
          } else if (byte === QUOTE) this.skip('a quote inside a field that does not begin with one');
          break;
        case 'quoted':
          if (byte !== QUOTE) break;
          if (i > from) this.parts.push(chunk.subarray(from, i));
          this.place = 'after quote';
          break;
        case 'after return':
          if (byte === LF) endRecord(i);
          else this.skip('a carriage return outside of quotes');
          break;
        case 'skipped':
          if (byte === LF) endRecord(i);
      }
    }
    if ((this.place === 'plain' || this.place === 'quoted') && chunk.length > from) this.parts.push(chunk.subarray(from));
    this.sizeBytes += chunk.length - recordFrom;
    if (this.sizeBytes > this.limitBytes) {
      if (this.place === 'quoted') throw this.unclosed(`within ${showBytes(this.limitBytes)}`);
      this.skip(`longer than ${showBytes(this.limitBytes)}`);
    }
    return this.taken();
  }

  end(): CsvRecord[] {
    if (this.place === 'quoted') throw this.unclosed('before the end');
    if (this.place === 'plain' || this.place === 'after quote' || (this.place === 'field start' && this.fields.length > 0)) this.endField();
    if (this.fields.length > 0 || this.message !== null) this.endRecord();
    return this.taken();
  }

  private endField(): void {
    const bytes = concatenate(
      this.parts,
      this.parts.reduce((sum, part) => sum + part.length, 0),
    );
    this.parts = [];
    this.place = 'field start';
    try {
      this.fields.push(this.decoder.decode(bytes));
    } catch {
      this.message ??= 'not UTF-8';
      this.fields.push('');
    }
  }

  private endRecord(): void {
    const { fields, begunAt, limitBytes } = this;
    const isBlank = fields.length === 1 && fields[0] === '' && !this.hasQuotes;
    const message = this.message ?? (this.sizeBytes > limitBytes ? `longer than ${showBytes(limitBytes)}` : null);
    if (message !== null) this.out.push({ line: begunAt, fields: null, message });
    else if (!isBlank) this.out.push({ line: begunAt, fields, message });
    this.place = 'field start';
    this.begunAt = this.line;
    this.sizeBytes = 0;
    this.fields = [];
    this.hasQuotes = false;
    this.message = null;
  }

  private skip(message: string): void {
    this.message ??= message;
    this.parts = [];
    this.fields = [];
    this.place = 'skipped';
  }

  private taken(): CsvRecord[] {
    const { out } = this;
    this.out = [];
    return out;
  }

  private unclosed(where: string): FormatError {
    return new FormatError(
      `${quote(this.file)}: a quote in the record that begins in line ${this.begunAt} is not closed ${where}. Close it; quotes inside a field are doubled.`,
    );
  }
}
