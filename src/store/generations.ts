// A value that is replaced again and again, and never lost: two generations, each with its number, length and SHA-256. A new one is written beside
// them, closed, read again and hashed, and only then moved over the older of the two.
// Promises: what was acknowledged is read back, or a newer one; after a crash at any moment and any flipped bit the newest whole generation is given, and it
// is said when another was left out.
import type { Files } from './files.ts';
import { StorageFull } from './files.ts';

const MAGIC = 0x4b334152;
/** Magic, version, generation (two words), length (two words), SHA-256. */
const HEAD_BYTES = 24 + 32;
const VERSION = 1;
const SLOTS = ['even', 'odd'] as const;

export interface Generation {
  number: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** The other one is damaged: no crash leaves it so. */
  otherDamaged: boolean;
}

/** Writes `bytes` as the next generation. Throws StorageFull or StorageGone; then the earlier ones stay. */
export async function writeGeneration(files: Files, path: string, number: number, bytes: Uint8Array): Promise<void> {
  const whole = new Uint8Array(HEAD_BYTES + bytes.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setBigUint64(8, BigInt(number), true);
  view.setBigUint64(16, BigInt(bytes.length), true);
  whole.set(bytes, HEAD_BYTES);
  whole.set(await sealOf(whole), 24);
  const beside = `${path}.new`;
  try {
    await files.write(beside, whole);
    if ((await open(await files.read(beside)))?.number !== number)
      throw new StorageFull('What was written is not what is read back: the browser kept a part of it. Free some space and go on.');
  } catch (error) {
    await files.remove(beside).catch(() => undefined);
    throw error;
  }
  await files.move(beside, slotOf(path, number));
}

/** The newest whole generation; null where there is none. */
export async function readGeneration(files: Files, path: string): Promise<Generation | null> {
  let newest: Opened | null = null;
  let otherDamaged = false;
  for (const number of [0, 1]) {
    const whole = await files.read(slotOf(path, number));
    const found = await open(whole);
    if (whole && !found) otherDamaged = true;
    if (found && (!newest || found.number > newest.number)) newest = found;
  }
  return newest && { ...newest, otherDamaged };
}

export async function removeGenerations(files: Files, path: string): Promise<void> {
  for (const name of [`${path}.new`, slotOf(path, 0), slotOf(path, 1)]) await files.remove(name);
}

const slotOf = (path: string, number: number): string => `${path}.${SLOTS[number % 2]}`;

type Opened = Omit<Generation, 'otherDamaged'>;

async function open(whole: Uint8Array<ArrayBuffer> | null): Promise<Opened | null> {
  if (!whole || whole.length < HEAD_BYTES) return null;
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) return null;
  if (view.getBigUint64(16, true) !== BigInt(whole.length - HEAD_BYTES)) return null;
  const seal = await sealOf(whole);
  if (seal.some((byte, i) => byte !== whole[24 + i])) return null;
  return { number: Number(view.getBigUint64(8, true)), bytes: whole.subarray(HEAD_BYTES) };
}

/** Over everything but the seal's own place. */
async function sealOf(whole: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole.subarray(HEAD_BYTES)));
  const head = new Uint8Array(24 + digest.length);
  head.set(whole.subarray(0, 24));
  head.set(digest, 24);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', head));
}
