// R17: a file that vanishes, is cut or changes while it is read: FormatError that names it and says to drop it again, at whatever read it happens.
import { mkdtempSync, openAsBlob, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ByteSource, fromBlob, fromBytes } from '../../../src/formats/byteSource.ts';
import { recognise } from '../../../src/formats/dropped.ts';
import { FormatError } from '../../../src/formats/formatError.ts';
import { readGgufModel } from '../../../src/formats/ggufModel.ts';
import { readRows } from '../../../src/formats/jsonl.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { familyFolder } from '../../support/goldenFolder.ts';

const GGUF = new URL('../../golden/gguf/qwen2.gguf', import.meta.url);
const FAMILY = familyFolder('qwen2');
const AGAIN = /can no longer be read \(.+\)\. It was moved, deleted or changed: drop it again\./;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vanished-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of these bytes on disk, and the source that a page has of it. */
async function onDisk(name: string, bytes: Uint8Array): Promise<{ path: string; source: ByteSource }> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return { path, source: fromBlob(name, await openAsBlob(path)) };
}

/** The source whose reads fail from the n-th on, as fromBlob's do when the file is gone. */
function goneAt(source: ByteSource, n: number): ByteSource {
  let reads = 0;
  return {
    ...source,
    read: (offset, length) =>
      ++reads >= n
        ? fromBlob(source.name, {
            size: source.size,
            slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }),
          } as unknown as Blob).read(offset, length)
        : source.read(offset, length),
  };
}

/** Fails read n of `use`, for every n until it passes. */
async function goneAtEach(source: ByteSource, use: (source: ByteSource) => Promise<unknown>): Promise<number> {
  for (let n = 1; ; n++) {
    const failure = await use(goneAt(source, n)).then(
      () => null,
      (e: unknown) => e,
    );
    if (failure === null) return n - 1;
    expect(failure).toBeInstanceOf(FormatError);
    expect((failure as Error).message).toMatch(AGAIN);
  }
}

const modelFiles = () =>
  readdirSync(FAMILY)
    .filter((name) => statSync(join(FAMILY, name)).isFile())
    .map((name) => ({ path: name, source: fromBytes(name, new Uint8Array(readFileSync(join(FAMILY, name)))) }));

describe('R17 a file vanishes while it is read', () => {
  test('deleted between header and tensors', async () => {
    const { path, source } = await onDisk('model.safetensors', readFileSync(join(FAMILY, 'model.safetensors')));
    const file = await readSafetensors(source);
    rmSync(path);
    await expect(file.read('model.norm.weight', 0, 4)).rejects.toThrow(AGAIN);
    await expect(file.readFloat32('model.norm.weight')).rejects.toThrow(FormatError);
  });

  test('cut short or rewritten on disk', async () => {
    for (const change of [(all: Buffer) => all.subarray(0, all.length / 2), (all: Buffer) => Buffer.concat([all, all])]) {
      const bytes = readFileSync(join(FAMILY, 'model.safetensors'));
      const { path, source } = await onDisk('changed.safetensors', bytes);
      const file = await readSafetensors(source);
      writeFileSync(path, change(bytes));
      await expect(file.read('model.norm.weight', 0, 4)).rejects.toThrow(FormatError);
    }
  });

  test('fewer bytes than asked for', async () => {
    const short = { size: 100, slice: () => ({ arrayBuffer: async () => new ArrayBuffer(3) }) } as unknown as Blob;
    await expect(fromBlob('a.gguf', short).read(0, 50)).rejects.toThrow(
      /gave 3 of 50 bytes: it changed while being read\. Drop it again\./,
    );
  });

  test('at any read of a safetensors file and of a GGUF file', async () => {
    const safetensors = fromBytes('model.safetensors', new Uint8Array(readFileSync(join(FAMILY, 'model.safetensors'))));
    const reads = await goneAtEach(safetensors, async (source) => {
      const file = await readSafetensors(source);
      for (const name of file.tensors.keys()) await file.readFloat32(name);
    });
    expect(reads).toBeGreaterThan(10);
    const gguf = fromBytes('m.gguf', new Uint8Array(readFileSync(GGUF)));
    const ggufReads = await goneAtEach(gguf, async (source) => {
      const { weights } = await readGgufModel(source);
      for (const [name, { shape }] of weights.tensors)
        await weights.read(
          name,
          0,
          shape.reduce((a, b) => a * b, 1),
        );
    });
    expect(ggufReads).toBeGreaterThan(10);
  });

  test('at any read of rows, Parquet and CSV', async () => {
    const parquet = new Uint8Array(readFileSync(new URL('../../golden/parquet/types_snappy.parquet', import.meta.url)));
    expect(await goneAtEach(fromBytes('rows.parquet', parquet), (source) => readRows(source))).toBeGreaterThan(20);
    const csv = new TextEncoder().encode(`p,s\n${`${'a'.repeat(1000)},b\n`.repeat(2500)}`);
    expect(await goneAtEach(fromBytes('rows.csv', csv), (source) => readRows(source))).toBeGreaterThan(2);
  });

  test.each(modelFiles().map((f) => f.path))('at any read of %s in a dropped folder: listed as a problem, nothing thrown', async (gone) => {
    const whole = await recognise(modelFiles());
    for (let n = 1; ; n++) {
      const files = modelFiles().map((f) => (f.path === gone ? { ...f, source: goneAt(f.source, n) } : f));
      const { recognised, model } = await recognise(files);
      if (recognised.problems.length === 0) {
        expect(n).toBeGreaterThan(1);
        expect(recognised).toEqual(whole.recognised);
        break;
      }
      expect(recognised.problems.find((p) => p.file === gone)?.message).toMatch(AGAIN);
      if (/config\.json$|\.safetensors$/.test(gone) && !gone.startsWith('tokenizer')) expect(model).toBeNull();
    }
  });
});
