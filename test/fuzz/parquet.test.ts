// R15: whatever a file is that begins as Parquet does, it is read or refused with FormatError, in time and memory that its size bounds. Each lie by itself,
// then valid files mutated anywhere.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'fflate';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteSource, fromBytes } from '../../src/formats/byteSource.ts';
import { recognise } from '../../src/formats/dropped.ts';
import { FormatError } from '../../src/formats/formatError.ts';
import { readRows } from '../../src/formats/jsonl.ts';
import { unpackZstd } from '../../src/formats/parquet/zstd.ts';
import {
  bytesOf,
  dataPage,
  dictionaryPage,
  oneColumn,
  parquetOf,
  run,
  sized,
  type Thrift,
  varint,
  Verbatim,
} from '../support/parquetBytes.ts';

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../golden/parquet/${name}`, import.meta.url)));
/** Whole numbers that begin with `first` and grow by `least`. */
const deltas = (count: number, first: number, least = 0, block = 128, minis = 4, width = 0): Uint8Array =>
  bytesOf(varint(block), varint(minis), varint(count), varint(2 * first), varint(2 * least), new Uint8Array(minis).fill(width));
const there = sized(run(1, 1));
const x = sized('x');
const LIST: Thrift[] = [
  { 4: 'schema', 5: 1 },
  { 3: 1, 4: 'a', 5: 1, 6: 3 },
  { 3: 2, 4: 'list', 5: 1 },
  { 1: 6, 3: 1, 4: 'element', 6: 0 },
];
const one = { rows: 1, pages: [dataPage(1, 0, bytesOf(there, x))] };
const nulls = (count: number, rows = count) => ({ rows, pages: [dataPage(count, 0, sized(run(count, 0)))] });
const chain = (depth: number) => [...Array.from({ length: depth }, (_, i) => ({ 4: `g${i}`, 5: 1 })), { 1: 6, 4: 'a' }];
/** A frame of blocks that repeat a byte, each of 128 kB. */
const zstdZeros = (blocks: number): Uint8Array =>
  bytesOf([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58], ...Array.from({ length: blocks }, (_, i) => [i === blocks - 1 ? 3 : 2, 0, 16, 0]));
const snappyZeros = (sizeBytes: number): Uint8Array =>
  bytesOf(
    varint(sizeBytes),
    [0, 0],
    new Uint8Array(3 * Math.ceil((sizeBytes - 1) / 64)).fill(0).map((_, i) => [0xfe, 1, 0][i % 3]!),
  );

/** Of the message that each must have. */
const HOSTILE: [string, Uint8Array, RegExp][] = [
  ['four bytes', bytesOf('PAR1'), /has only 4 bytes/],
  ['a beginning alone', bytesOf('PAR1', new Uint8Array(1000)), /its end is missing/],
  ['a footer that states 4 GB', bytesOf('PAR1', [0xff, 0xff, 0xff, 0xff], 'PAR1'), /states a footer of 4294967295 bytes/],
  ['an empty footer', bytesOf('PAR1', [0, 0, 0, 0], 'PAR1'), /ends too early/],
  ['an encrypted footer', bytesOf('PAR1', new Uint8Array(20), [0, 0, 0, 0], 'PARE'), /is an encrypted Parquet file/],
  ['an encrypted column', oneColumn({ ...one, chunk: { 8: { 1: {} } } }), /is an encrypted Parquet file/],
  ['columns elsewhere', oneColumn({ ...one, chunk: { 1: '/etc/passwd' } }), /has its columns in other files/],
  ['a number of a megabyte', parquetOf(bytesOf(), new Verbatim(12, bytesOf([0x16], new Uint8Array(1e6).fill(0xff)))), /ten bytes/],
  ['a list of 2^60', parquetOf(bytesOf(), new Verbatim(12, bytesOf([0x29, 0xfc], varint(2n ** 60n)))), /elements does not fit/],
  ['structs 100,000 deep', parquetOf(bytesOf(), new Verbatim(12, new Uint8Array(100_000).fill(0x1c))), /nested too deep/],
  ['a schema 1,000 deep', oneColumn({ ...one, schema: chain(1000) }), /more than 24 deep/],
  ['a schema of a million columns', oneColumn({ ...one, schema: Array.from({ length: 1e5 }, () => ({})) }), /more than 2000 columns/],
  [
    'a group with more columns than there are',
    oneColumn({
      ...one,
      schema: [
        { 4: 's', 5: 2 },
        { 1: 6, 4: 'a' },
      ],
    }),
    /no columns|too early/,
  ],
  [
    'a group with minus one column',
    oneColumn({
      ...one,
      schema: [
        { 4: 's', 5: -1 },
        { 1: 6, 4: 'a' },
      ],
    }),
    /no columns/,
  ],
  [
    'columns that nobody holds',
    oneColumn({
      ...one,
      schema: [
        { 4: 's', 5: 1 },
        { 1: 6, 4: 'a' },
        { 1: 6, 4: 'b' },
      ],
    }),
    /more columns than/,
  ],
  [
    'two columns of one name',
    oneColumn({
      ...one,
      schema: [
        { 4: 's', 5: 2 },
        { 1: 6, 4: 'a' },
        { 1: 6, 4: 'a' },
      ],
    }),
    /two columns "a"/,
  ],
  ['a column of no type', oneColumn({ ...one, element: { 1: 99 } }), /has no type/],
  ['values of minus one byte', oneColumn({ ...one, element: { 1: 7, 2: -1 } }), /-1 bytes a value/],
  ['a decimal with 2^40 places', oneColumn({ ...one, element: { 1: 2, 6: 5, 7: 2 ** 40 } }), /places/],
  ['a chunk outside', oneColumn({ ...one, column: { 9: 1e12 } }), /is outside of it/],
  ['a chunk before the beginning', oneColumn({ ...one, column: { 9: -1 } }), /is outside of it/],
  ['a chunk in the footer', oneColumn({ ...one, column: { 7: 100 } }), /is outside of it/],
  ['a thousand row groups in one place', oneColumn({ ...one, groups: 1000 }), /its columns overlap/],
  ['more rows than are read', oneColumn({ ...nulls(1), rows: 1_000_001 }), /more than 1000000 rows/],
  ['minus one row', oneColumn({ ...one, rows: -1 }), /does not say how many|outside/],
  ['a million nulls in 100 bytes', oneColumn(nulls(1_000_000)), /unpacks to more than 64 MB/],
  ['rows without entries', oneColumn({ ...nulls(3), rows: 4 }), /3 of its 4 values/],
  ['a codec of no name', oneColumn({ ...one, codec: 77 }), /is packed by number 77/],
  ['an encoding of no name', oneColumn({ rows: 1, pages: [dataPage(1, 77, bytesOf(there, x))] }), /the encoding number 77/],
  ['levels of an old kind', oneColumn({ rows: 1, pages: [dataPage(1, 0, there, { 5: { 1: 1, 2: 0, 3: 4 } })] }), /BIT_PACKED levels/],
  ['a page longer than its chunk', oneColumn({ rows: 1, pages: [dataPage(1, 0, there, { 3: 2 ** 31 })] }), /a page of 2147483648 bytes/],
  ['a page of minus one byte', oneColumn({ rows: 1, pages: [dataPage(1, 0, there, { 3: -1 })] }), /a page of -1 bytes/],
  [
    'a page with more values than are left',
    oneColumn({ rows: 1, pages: [dataPage(2 ** 31, 0, there)] }),
    /2147483648 values where 1 are left/,
  ],
  ['a page with minus one value', oneColumn({ rows: 1, pages: [dataPage(-1, 0, there)] }), /-1 values/],
  [
    'pages without values, without end',
    oneColumn({ rows: 1, pages: [dataPage(0, 0, bytesOf(sized([]), sized([])))] }),
    /0 of its 1 values/,
  ],
  ['a wrong checksum', oneColumn({ rows: 1, pages: [dataPage(1, 0, bytesOf(there, x), { 4: 1 })] }), /what its checksum says/],
  ['an unpacked page of another size', oneColumn({ rows: 1, pages: [dataPage(1, 0, bytesOf(there, x), { 2: 1e9 })] }), /another size/],
  [
    'snappy that states 4 GB',
    oneColumn({ rows: 1, codec: 1, pages: [dataPage(1, 0, snappyZeros(64), { 2: 2 ** 32 })] }),
    /bytes in|cannot be unpacked/,
  ],
  ['a snappy bomb', oneColumn({ rows: 1, codec: 1, pages: [dataPage(1, 0, snappyZeros(80_000_001), { 2: 80_000_001 })] }), /too few bytes/],
  [
    'a gzip bomb',
    oneColumn({ rows: 1, codec: 2, pages: [dataPage(1, 0, gzipSync(new Uint8Array(150e6)), { 2: 150e6 })] }),
    /unpacks to more than 64 MB/,
  ],
  [
    'a zstd bomb',
    oneColumn({ rows: 1, codec: 6, pages: [dataPage(1, 0, zstdZeros(600), { 2: 600 * 2 ** 17 })] }),
    /unpacks to more than 64 MB/,
  ],
  [
    'zstd that unpacks to more than it says',
    oneColumn({ rows: 1, codec: 6, pages: [dataPage(1, 0, zstdZeros(3), { 2: 9 })] }),
    /ZSTD data that cannot be unpacked/,
  ],
  [
    'LZ4 that unpacks to more than it says',
    oneColumn({ rows: 1, codec: 7, pages: [dataPage(1, 0, bytesOf([0x1f, 1, 1, 0], new Uint8Array(99).fill(255), [0]), { 2: 99 })] }),
    /LZ4_RAW data that cannot be unpacked/,
  ],
  [
    'gzip that unpacks to more than it says',
    oneColumn({ rows: 1, codec: 2, pages: [dataPage(1, 0, gzipSync(new Uint8Array(5e6)), { 2: 9 })] }),
    /GZIP data/,
  ],
  ['text of 4 GB', oneColumn({ rows: 1, pages: [dataPage(1, 0, bytesOf(there, [0xff, 0xff, 0xff, 0xff]))] }), /too few bytes/],
  ['text that is not UTF-8', oneColumn({ rows: 1, pages: [dataPage(1, 0, bytesOf(there, sized([0xff])))] }), /not UTF-8/],
  ['a level that is too high', oneColumn({ rows: 1, pages: [dataPage(1, 0, sized([2, 2]))] }), /too large|level above/],
  ['a run of 2^30 for one row', oneColumn({ rows: 1, pages: [dataPage(1, 0, sized(run(2 ** 30, 1)))] }), /too few bytes/],
  [
    'a dictionary of one long text, used a million times',
    oneColumn({
      rows: 500_000,
      pages: [dictionaryPage(1, sized('y'.repeat(4000))), dataPage(500_000, 8, bytesOf(sized(run(500_000, 1)), [1], run(500_000, 0)))],
    }),
    /unpacks to more than 64 MB/,
  ],
  ['a dictionary of 2^31 values', oneColumn({ rows: 1, pages: [dictionaryPage(2 ** 31, x)] }), /a dictionary of 2147483648 values/],
  ['two dictionaries', oneColumn({ rows: 1, pages: [dictionaryPage(1, x), dictionaryPage(1, x)] }), /a second dictionary/],
  ['no dictionary', oneColumn({ rows: 1, pages: [dataPage(1, 8, bytesOf(there, [1], run(1, 0)))] }), /a dictionary that is not there/],
  [
    'a reference outside',
    oneColumn({ rows: 1, pages: [dictionaryPage(1, x), dataPage(1, 8, bytesOf(there, [3], run(1, 7)))] }),
    /reference to value 7 of 1/,
  ],
  [
    'references of 255 bits',
    oneColumn({ rows: 1, pages: [dictionaryPage(1, x), dataPage(1, 8, bytesOf(there, [255], run(1, 0)))] }),
    /more than 32 bits/,
  ],
  [
    'texts that each have the one before in them',
    oneColumn({
      rows: 20_000,
      element: { 3: 0 },
      pages: [
        dataPage(20_000, 7, bytesOf(deltas(20_000, 0, 1, 65_536, 1), deltas(20_000, 1, 0, 65_536, 1), new Uint8Array(20_000).fill(0x7a))),
      ],
    }),
    /unpacks to more than 64 MB/,
  ],
  [
    'deltas in blocks of nothing',
    oneColumn({ rows: 9, element: { 1: 2, 3: 0, 6: 18 }, pages: [dataPage(9, 5, deltas(9, 0, 0, 0, 0))] }),
    /a wrong block/,
  ],
  [
    'deltas in blocks of 2^31',
    oneColumn({ rows: 9, element: { 1: 2, 3: 0, 6: 18 }, pages: [dataPage(9, 5, deltas(9, 0, 0, 2 ** 31, 1))] }),
    /a wrong block/,
  ],
  [
    'deltas of 255 bits',
    oneColumn({ rows: 9, element: { 1: 2, 3: 0, 6: 18 }, pages: [dataPage(9, 5, deltas(9, 0, 0, 128, 4, 255))] }),
    /more than 64 bits/,
  ],
  [
    'a first entry that goes on with a list',
    oneColumn({ rows: 1, schema: LIST, pages: [dataPage(1, 0, bytesOf(sized(run(1, 1)), sized(run(1, 3)), x))] }),
    /belong to no row/,
  ],
  [
    'more list entries than rows',
    oneColumn({ rows: 1, schema: LIST, column: { 5: 2 }, pages: [dataPage(2, 0, bytesOf(sized(run(2, 0)), sized(run(2, 3)), x, x))] }),
    /more entries than rows/,
  ],
];

async function refusal(source: ByteSource): Promise<{ message: string; ms: number }> {
  const before = process.cpuUsage();
  const error = await readRows(source, 'rows.parquet').then(
    () => null,
    (reason: unknown) => reason,
  );
  const { user, system } = process.cpuUsage(before);
  expect(error).toBeInstanceOf(FormatError);
  return { message: (error as FormatError).message, ms: (user + system) / 1000 };
}

/** Of a frame without a window and a checksum, as pyarrow writes it. */
function endOfFrame(bytes: Uint8Array, from: number): number {
  let at = from + 5 + [1, 2, 4, 8][bytes[from + 4]! >> 6]!;
  for (let isLast = false; !isLast; ) {
    const head = bytes[at]! + 256 * bytes[at + 1]! + 65536 * bytes[at + 2]!;
    isLast = (head & 1) === 1;
    at += 3 + (((head >> 1) & 3) === 1 ? 1 : head >> 3);
  }
  return at;
}

describe('R15 hostile Parquet', () => {
  test('what is right is read: a text, a list, nulls', async () => {
    expect((await readRows(oneColumn(one))).rows).toEqual([{ a: 'x' }]);
    const list = dataPage(2, 0, bytesOf(sized(bytesOf(run(1, 0), run(1, 1))), sized(run(2, 3)), x, x));
    expect((await readRows(oneColumn({ rows: 1, schema: LIST, column: { 5: 2 }, pages: [list] }))).rows).toEqual([{ a: ['x', 'x'] }]);
    expect((await readRows(oneColumn(nulls(1000)))).rows).toHaveLength(1000);
    const packed = gzipSync(bytesOf(there, x));
    expect((await readRows(oneColumn({ rows: 1, codec: 2, pages: [dataPage(1, 0, packed, { 2: 11 })] }))).rows).toEqual([{ a: 'x' }]);
  });

  test.each(HOSTILE)('%s', async (_, bytes, message) => {
    let read = 0;
    const source = fromBytes('rows.parquet', bytes);
    const counted: ByteSource = {
      ...source,
      read: (offset, length) => {
        read += length;
        return source.read(offset, length);
      },
    };
    const buffers = process.memoryUsage().arrayBuffers;
    const said = await refusal(counted);
    expect(said.message).toMatch(message);
    expect(said.message).toMatch(/\.$/);
    expect(read).toBeLessThanOrEqual(bytes.length + 64);
    expect(said.ms).toBeLessThan(1500);
    expect(process.memoryUsage().arrayBuffers - buffers).toBeLessThan(2 * bytes.length + 80e6);
  });

  test.each(['some_pages', 'mbpp', 'types_snappy', 'types_gzip', 'types_delta', 'long_zstd'])(
    '%s cut anywhere is refused',
    async (name) => {
      const whole = golden(`${name}.parquet`);
      for (let length = 4; length < whole.length; length += 1 + Math.floor(whole.length / 60)) {
        const { message } = await refusal(fromBytes('rows.parquet', whole.subarray(0, length)));
        expect(message).toMatch(/damaged|has only/);
      }
    },
  );

  test('mutated files are read or refused, and quickly', async () => {
    const files = ['some_pages', 'mbpp', 'types_snappy', 'types_gzip', 'types_delta', 'types_zstd', 'int96', 'long_lz4'].map((name) =>
      golden(`${name}.parquet`),
    );
    const change = fc.record({ at: fc.nat(1_000_000), fromEnd: fc.boolean(), bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }) });
    const mutated = fc.tuple(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 3 })).map(([valid, changes]) => {
      const bytes = Uint8Array.from(valid);
      // half of them in the footer
      for (const { at, fromEnd, bytes: put } of changes) {
        const span = fromEnd ? Math.min(2000, bytes.length - 4) : bytes.length - 4;
        bytes.set(put.subarray(0, 4), bytes.length - 4 - (at % span) - (at % span < put.length ? 4 : 0));
      }
      return bytes;
    });
    const slow: number[] = [];
    await fc.assert(
      fc.asyncProperty(mutated, async (bytes) => {
        const before = process.cpuUsage();
        const { recognised } = await recognise([{ path: 'rows.parquet', source: fromBytes('rows.parquet', bytes) }]);
        structuredClone(recognised);
        const { user, system } = process.cpuUsage(before);
        if ((user + system) / 1000 > 100) slow.push((user + system) / 1000);
      }),
      { numRuns: 1500 },
    );
    expect(slow.length).toBeLessThan(4);
  });

  test('mutated zstd is unpacked to its size or refused, and quickly', () => {
    const whole = golden('long_zstd.parquet');
    // the frame of the page of the text, after its header
    const from = whole.findIndex(
      (_, i) => i > 4 && whole[i] === 0x28 && whole[i + 1] === 0xb5 && whole[i + 2] === 0x2f && whole[i + 3] === 0xfd,
    );
    const text = Array.from({ length: 9_500 }, (_, i) => `line ${(i * i) % 997} of ${i % 17}\n`).join('');
    const size = text.length + 4 + 6;
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    expect(new TextDecoder().decode(unpackZstd(whole.slice(from, endOfFrame(whole, from)), size))).toContain(text);
    const slow: number[] = [];
    let refused = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = whole.slice(from, endOfFrame(whole, from));
        for (const { at, byte } of changes) bytes[at % Math.min(bytes.length, 4000)] = byte;
        const before = process.cpuUsage();
        try {
          expect(unpackZstd(bytes, size)).toHaveLength(size);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          refused++;
        }
        const { user, system } = process.cpuUsage(before);
        if ((user + system) / 1000 > 100) slow.push((user + system) / 1000);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(slow.length).toBeLessThan(3);
  });
});
