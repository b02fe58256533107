// Files and folders on disk as the formats take them, read by slices. Refuses what cannot be read, naming the path.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { ByteSource } from '../formats/byteSource.ts';
import type { Architecture } from '../formats/architecture.ts';
import { type DroppedModel, recognise } from '../formats/dropped.ts';
import { type PeftAdapter, readPeft } from '../formats/peft.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { type Dataset, datasetOf } from '../run/datasetCorpus.ts';
import type { OutputFile } from '../formats/outputFile.ts';
import { InputError, tokenIds } from './arguments.ts';

export function fileSource(path: string): ByteSource {
  const { size } = statSync(path);
  return {
    name: basename(path),
    size,
    async read(offset, length) {
      const file = openSync(path, 'r');
      try {
        const bytes = new Uint8Array(Math.min(length, Math.max(0, size - offset)));
        for (let at = 0; at < bytes.length; ) {
          const n = readSync(file, bytes, at, bytes.length - at, offset + at);
          if (n === 0) throw new InputError(`${path} ended while it was read.`);
          at += n;
        }
        return bytes;
      } finally {
        closeSync(file);
      }
    },
  };
}

/** A model folder or one GGUF file; a tokenizer is optional. Throws InputError with the first thing that is wrong. */
export async function readModelFolder(path: string): Promise<DroppedModel> {
  if (!existsSync(path)) throw new InputError(`--model ${path} does not exist.`);
  const isFolder = statSync(path).isDirectory();
  if (!isFolder && !/\.gguf$/i.test(path)) throw new InputError(`--model ${path} is neither a folder nor a GGUF file.`);
  const dir = isFolder ? path : dirname(path);
  const wanted = isFolder
    ? readdirSync(dir).filter(
        (name) => /\.(json|safetensors|model|txt|jinja|bin|pt|pth|gguf)$/.test(name) && statSync(join(dir, name)).isFile(),
      )
    : [basename(path)];
  const { model, recognised } = await recognise(wanted.map((name) => ({ path: name, source: fileSource(join(dir, name)) })));
  if (model) return model;
  const problem = recognised.problems[0];
  if (problem) throw new InputError(`${join(dir, problem.file)}: ${problem.message}`);
  const missing = ['config.json', 'model.safetensors'].filter((name) => !existsSync(join(dir, name)));
  throw new InputError(`${dir} holds no model: ${missing.join(' and ') || 'its files'} ${missing.length === 1 ? 'is' : 'are'} missing.`);
}

/** A folder with adapter_config.json and adapter_model.safetensors, as PEFT writes it. */
export async function readAdapterFolder(dir: string, architecture: Architecture): Promise<PeftAdapter> {
  const files = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => join(dir, name)) as [string, string];
  const missing = files.find((path) => !existsSync(path));
  if (missing) throw new InputError(`--adapter ${dir}: ${missing} does not exist. Name a folder that PEFT (or train --lora-rank) wrote.`);
  return readPeft(architecture, readFileSync(files[0], 'utf8'), await readSafetensors(fileSource(files[1])));
}

/** A dataset file: JSONL, a JSON array, CSV or text (each also gzipped), or Parquet. */
export async function readDataset(path: string): Promise<Dataset> {
  if (!existsSync(path)) throw new InputError(`--data ${path} does not exist.`);
  const { dataset, recognised } = await recognise([{ path: basename(path), source: fileSource(path) }]);
  if (!dataset) throw new InputError(`${path}: ${recognised.asks?.message ?? recognised.problems[0]?.message ?? 'not a dataset.'}`);
  return datasetOf(dataset);
}

/** Lines {"ids": [...]}; every fault names its line. */
export function readIdLines(path: string, vocabulary: number, longest: number): number[][] {
  if (!existsSync(path)) throw new InputError(`--ids ${path} does not exist.`);
  const lines = readFileSync(path, 'utf8').split(/\r?\n/);
  const out: number[][] = [];
  lines.forEach((line, i) => {
    if (line.trim() === '') return;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      throw new InputError(`${path}, line ${i + 1} is not JSON.`);
    }
    const ids = tokenIds(
      typeof row === 'object' && row !== null && Object.hasOwn(row, 'ids') ? (row as { ids: unknown }).ids : undefined,
      `${path}, line ${i + 1}: "ids"`,
      vocabulary,
    );
    if (ids.length > longest) throw new InputError(`${path}, line ${i + 1} has ${ids.length} tokens; the model's context is ${longest}.`);
    out.push(ids);
  });
  if (out.length === 0) throw new InputError(`${path} holds no line {"ids": [...]}.`);
  return out;
}

export function readText(path: string, option: string): string {
  if (!existsSync(path)) throw new InputError(`${option} ${path} does not exist.`);
  return readFileSync(path, 'utf8');
}

/** Writes one file where the person asked for it, with its folders. */
export function writeText(path: string, content: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, content);
}

/** Writes files below `dir`; names come from us or were checked by the formats, and still may not leave it. */
export function writeFiles(dir: string, files: Iterable<readonly [string, Uint8Array | string]>): void {
  for (const [name, content] of files) writeFileSync(pathBelow(dir, name), content);
}

/** Writes files piece by piece as they are made. */
export async function writeOutput(dir: string, files: Iterable<OutputFile>): Promise<void> {
  for (const file of files) {
    const handle = openSync(pathBelow(dir, file.name), 'w');
    try {
      for await (const piece of file.pieces()) for (let at = 0; at < piece.length; ) at += writeSync(handle, piece, at);
    } finally {
      closeSync(handle);
    }
  }
}

function pathBelow(dir: string, name: string): string {
  const path = resolve(dir, name);
  if (!path.startsWith(resolve(dir) + sep)) throw new InputError(`${name} would leave ${dir}.`);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
