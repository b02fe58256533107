// Short names of what a run was given, by its content: so that another page can say whether it has the same model and the same data. No secret and no proof.
// Promises: the same bytes, the same name, whatever the files are called. A model is known by every tensor's name, shape, dtype, first and last values;
// a file by all of its bytes, read in pieces. Refuses what the reading of the files refuses, and
// (RecipeError) a run that would go on with other inputs than it began with.
import type { WeightSource } from '../formats/architecture.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { concatenate } from '../formats/lines.ts';
import type { RunEvent, RunInputPrints } from './events.ts';
import { type Recipe, RecipeError } from './recipe.ts';

const SAMPLED_VALUES = 64;
const PIECE_BYTES = 1 << 22;
const HEX_DIGITS = 16;

export async function modelPrint({ tensors, read }: WeightSource): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const name of [...tensors.keys()].sort()) {
    const { shape, dtype } = tensors.get(name)!;
    parts.push(new TextEncoder().encode(JSON.stringify([name, shape, dtype])));
    const elements = shape.reduce((product, size) => product * size, 1);
    const count = Math.min(SAMPLED_VALUES, elements);
    // masks and the like, which no model reads, have no values here
    for (const first of count === 0 ? [] : [0, elements - count]) {
      const values = await read(name, first, count).catch(() => null);
      if (values) parts.push(values.bytes);
    }
  }
  return hex(await sha256(joined(parts)));
}

export async function filePrint(source: ByteSource): Promise<string> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += PIECE_BYTES)
    pieces.push(await sha256(await source.read(at, Math.min(PIECE_BYTES, source.size - at))));
  return hex(await sha256(joined(pieces)));
}

/** A run goes on with the model and the data that it began with, or not at all. A log that does not tell what it began with is believed. */
export function checkSameInputs({ model }: Recipe, events: readonly RunEvent[], now: RunInputPrints): void {
  const began = events.find((event) => event.type === 'start')?.inputs;
  for (const [part, what] of [
    ['model', 'model'],
    ['data', 'dataset'],
  ] as const) {
    if (!began || began[part] === now[part]) continue;
    const here = model === 'dropped' ? 'the one given now' : 'the one of this version';
    const way = model === 'dropped' ? `Drop the ${what} of this run, then press Resume.` : 'Run its recipe again instead.';
    throw new RecipeError(
      `The run was started with another ${what}: its fingerprint is ${began[part]}, and that of ${here} ${now[part] || 'missing'}. ${way}`,
    );
  }
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

function joined(parts: Uint8Array[]): Uint8Array {
  return concatenate(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

function hex(bytes: Uint8Array): string {
  return [...bytes]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, HEX_DIGITS);
}
