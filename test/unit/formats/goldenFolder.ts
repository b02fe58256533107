// Files of the frozen models and adapters in test/golden.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBytes } from '../../../src/formats/byteSource.ts';
import { joinShards, readSafetensors, type SafetensorsFile } from '../../../src/formats/safetensors.ts';

const root = fileURLToPath(new URL('../../golden/', import.meta.url));

/** Names of the folders in families or lora. */
export function goldenNames(kind: 'families' | 'lora'): string[] {
  return readdirSync(`${root}${kind}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The files of a model folder, name -> bytes. */
export function goldenFolder(folder: string): Record<string, Uint8Array> {
  const files = readdirSync(root + folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({ name }) => [name, new Uint8Array(readFileSync(`${root}${folder}/${name}`))]));
}

/** @param path below test/golden. */
export function goldenText(path: string): string {
  return readFileSync(root + path, 'utf8');
}

/** Every safetensors file of a folder as one. */
export async function goldenWeights(folder: string): Promise<SafetensorsFile> {
  const names = readdirSync(root + folder).filter((name) => name.endsWith('.safetensors'));
  return joinShards(await Promise.all(names.map((name) => goldenTensors(`${folder}/${name}`))));
}

export function goldenTensors(path: string): Promise<SafetensorsFile> {
  return readSafetensors(fromBytes(path, new Uint8Array(readFileSync(root + path))));
}
