// The tuner's memory on disk: entries by adapter, and files that are none.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tuningFile } from '../../../src/headless/tuningFile.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ra3-lab-tuning-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('tuningFile', () => {
  it('keeps what each adapter wrote, in a folder that it makes, and leaves no other file', async () => {
    const path = join(dir, 'cache', 'tuning.json');
    const store = tuningFile(path);
    expect(await store.read('a')).toBe(null);
    await store.write('a', '{"x":"y"}');
    await store.write('b', 'z');
    expect(await tuningFile(path).read('a')).toBe('{"x":"y"}');
    expect(await tuningFile(path).read('b')).toBe('z');
    expect(await store.read('constructor')).toBe(null);
    expect(readdirSync(join(dir, 'cache'))).toEqual(['tuning.json']);
  });

  it.each(['', 'no JSON', '[1]', 'null', '7', '{"a":7}'])('takes a file that holds %j as empty and writes it anew', async (text) => {
    const path = join(dir, 'broken.json');
    writeFileSync(path, text);
    const store = tuningFile(path);
    expect(await store.read('a')).toBe(null);
    await store.write('a', 'new');
    expect(await store.read('a')).toBe('new');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ a: 'new' });
  });
});
