// Bundles: the same files give the same bytes, in any order, at any time, in any time zone.
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { writeBundle } from '../../../src/share/bundle.ts';

test('a bundle unpacks to its files and depends on them alone', () => {
  const first = writeBundle({ 'recipe.json': '{}', 'log.jsonl': 'é\n', 'model/ra3/model.safetensors': new Uint8Array([1, 2, 3]) });
  const second = writeBundle({ 'model/ra3/model.safetensors': new Uint8Array([1, 2, 3]), 'log.jsonl': 'é\n', 'recipe.json': '{}' });
  expect(second).toEqual(first);
  const files = unzipSync(first);
  expect(Object.keys(files)).toEqual(['log.jsonl', 'model/ra3/model.safetensors', 'recipe.json']);
  expect(new TextDecoder().decode(files['log.jsonl'])).toBe('é\n');
  expect([...files['model/ra3/model.safetensors']!]).toEqual([1, 2, 3]);
  const zone = process.env.TZ;
  process.env.TZ = 'Asia/Kathmandu';
  expect(writeBundle({ 'a.txt': 'x' })).toEqual(writeBundle({ 'a.txt': 'x' }));
  const elsewhere = writeBundle({ 'a.txt': 'x' });
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  expect(writeBundle({ 'a.txt': 'x' })).toEqual(elsewhere);
});

test('R16 names that leave the folder are refused', () => {
  for (const name of ['../x', 'a/../x', '/x', 'a\\x', '']) expect(() => writeBundle({ [name]: 'x' })).toThrow('relative path');
});
