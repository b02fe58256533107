// The models of a run bundle: read as their folders are, by slices where they are stored; what is damaged, too large or not whole is refused by name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { type ByteSource, fromBytes } from '../../../src/formats/byteSource.ts';
import { readBundleModels } from '../../../src/formats/bundleModels.ts';
import { openZipEntry, readZipEntries } from '../../../src/formats/zipEntries.ts';
import { writeBundle } from '../../../src/share/bundle.ts';
import { familyFolder } from '../../support/goldenFolder.ts';

const FOLDER = familyFolder('llama2');
const FILES = readdirSync(FOLDER).filter((name) => /\.(json|safetensors)$/.test(name));
const inFolder = (name: string): Record<string, Uint8Array> =>
  Object.fromEntries(FILES.map((file) => [`model/${name}/${file}`, new Uint8Array(readFileSync(join(FOLDER, file)))]));
const arms = (name: string): boolean => ['ra3', 'ntp'].includes(name);
const read = (bytes: Uint8Array) => readBundleModels(fromBytes('run.zip', bytes), arms);

/** Counts what is read of it. */
function counted(bytes: Uint8Array): ByteSource & { readBytes: number } {
  const source = fromBytes('run.zip', bytes);
  const out = {
    ...source,
    readBytes: 0,
    read: (offset: number, length: number) => {
      out.readBytes += length;
      return source.read(offset, length);
    },
  };
  return out;
}

const bundle = writeBundle({ 'recipe.json': '{}', ...inFolder('ra3'), ...inFolder('ntp'), ...inFolder('other'), 'model/ra3/deep/x': 'x' });

describe('models of a bundle', () => {
  it('are those of its folders, tensor by tensor, and of the wanted names alone', async () => {
    const models = await read(bundle);
    expect([...models.keys()].sort()).toEqual(['ntp', 'ra3']);
    const { weights, config } = models.get('ra3')!;
    expect(config.architecture.family).toBe('llama');
    const own = (await read(writeBundle(inFolder('ra3')))).get('ra3')!.weights;
    expect([...weights.tensors]).toEqual([...own.tensors]);
    const packed = zipSync(Object.fromEntries(Object.entries(inFolder('ra3')).map(([n, b]) => [n, [b, { level: 9 }]])));
    const unpacked = (await read(packed)).get('ra3')!.weights;
    for (const [name, { shape }] of weights.tensors) {
      const count = shape.reduce((n, d) => n * d, 1);
      expect(await unpacked.read(name, 0, count)).toEqual(await weights.read(name, 0, count));
    }
  });

  it('are read once to be checked, and not again until they are used', async () => {
    const source = counted(bundle);
    await readBundleModels(source, (name) => name === 'ra3');
    const wanted = Object.values(inFolder('ra3')).reduce((n, b) => n + b.length, 0);
    expect(source.readBytes).toBeLessThan(3 * wanted + 100_000);
    const one = new Uint8Array(await (await openZipEntry(source, (await readZipEntries(source)).get('recipe.json')!, 10)).read(0, 2));
    expect(new TextDecoder().decode(one)).toBe('{}');
  });

  const altered = (change: (view: DataView, central: number) => void): Uint8Array => {
    const bytes = Uint8Array.from(writeBundle(inFolder('ra3')));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < bytes.length - 46; i++)
      if (view.getUint32(i, true) === 0x02014b50 && new TextDecoder().decode(bytes.subarray(i + 46, i + 80)).includes('safetensors'))
        change(view, i);
    return bytes;
  };
  const without = (file: string) => Object.fromEntries(Object.entries(inFolder('ra3')).filter(([name]) => !name.endsWith(file)));
  it.each<[string, Uint8Array, RegExp]>([
    ['a changed weight', altered((v, i) => v.setUint8(v.getUint32(i + 42, true) + 2000, 1)), /damaged zip/],
    ['a size beyond 4 GB', altered((v, i) => v.setUint32(i + 24, 0xffffffff, true)), /zip64/],
    ['a method that is not read', altered((v, i) => v.setUint16(i + 10, 12, true)), /packed by method 12/],
    ['encryption', altered((v, i) => v.setUint16(i + 8, 1, true)), /encrypted/],
    ['an entry beyond the end', altered((v, i) => v.setUint32(i + 42, 0x7fffffff, true)), /damaged zip/],
    [
      'packed weights that claim too much',
      altered((v, i) => {
        v.setUint16(i + 10, 8, true);
        v.setUint32(i + 24, 600_000_000, true);
      }),
      /has 600 MB; up to 512 MB are read/,
    ],
    ['no config.json', writeBundle(without('config.json')), /Weights need the config\.json/],
    ['no weights', writeBundle(without('.safetensors')), /needs its model\.safetensors/],
    [
      'weights of another model',
      writeBundle({ ...inFolder('ra3'), 'model/ra3/model.safetensors': strToU8('not weights') }),
      /model\.safetensors/,
    ],
    ['cut short', bundle.subarray(0, bundle.length - 40), /damaged zip/],
  ])('%s is refused by name', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
  });
});
