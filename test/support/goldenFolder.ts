// The models and numbers below test/golden as the tests read them; what they are stands at the head of the programs test/golden/make_*.py.
// Refuses what the formats refuse; a missing file is Node's error.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/paths.mjs';
import { fromBytes } from '../../src/formats/byteSource.ts';
import { joinShards, readSafetensors, type SafetensorsFile } from '../../src/formats/safetensors.ts';

export interface AdamWGolden {
  lr: number;
  betas: [number, number];
  eps: number;
  /** On tensors of two dimensions. */
  weightDecay: number;
  clipNorm: number;
  batch: number;
  /** Step s takes lines (s * batch + j) mod their number. */
  lines: number[][];
  steps: { loss: number; gradNorm: number }[];
  /** Of the first `batch` lines after the last step. */
  lossAfter: number;
  /** By the parameter's name, after the last step: L2 norm (null where rounding decides it), and [index, value] of elements. */
  weights: Record<string, { norm: number | null; samples: [number, number][] }>;
}

export interface Golden {
  prompts: number[][];
  /** 64 ids after each prompt. */
  greedy: number[][];
  /** Mean over the predicted tokens of both prompts. */
  loss: number;
  adamw: AdamWGolden;
}

export interface LoraGolden extends Golden {
  /** Folder below test/golden/families. */
  base: string;
}

export interface TextGolden {
  prompt: string;
  ids: number[];
  continuation: number[];
  text: string;
  chat?: { messages: { role: string; content: string }[]; text: string; ids: number[] };
}

const GOLDEN = join(ROOT, 'test/golden');

export const familyFolder = (name: string): string => join(GOLDEN, 'families', name);
export const loraFolder = (name: string): string => join(GOLDEN, 'lora', name);
export const FAMILY_FOLDERS: readonly string[] = readdirSync(join(GOLDEN, 'families')).sort();
export const LORA_FOLDERS: readonly string[] = readdirSync(join(GOLDEN, 'lora')).sort();

export const readText = (...path: string[]): string => readFileSync(join(...path), 'utf8');
export const readJson = <T>(...path: string[]): T => JSON.parse(readText(...path)) as T;

/** Every .safetensors file of a folder as one. */
export async function openWeights(folder: string): Promise<SafetensorsFile> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  return joinShards(await Promise.all(names.map((name) => openSafetensors(folder, name))));
}

export const openSafetensors = (...path: string[]): Promise<SafetensorsFile> =>
  readSafetensors(fromBytes(path.at(-1) as string, new Uint8Array(readFileSync(join(...path)))));

/** Every tensor of a file, by name. */
export async function readTensors(...path: string[]): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(...path);
  const tensors = new Map<string, Float32Array>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.readFloat32(name));
  return tensors;
}
