// Dropped files, recognised by content and name: a Hugging Face model folder or a GGUF file, one dataset, one recipe (bare or in a run bundle), one run's log.
// Every file that is refused or not understood is listed with the reason and what to do; only a fault of ours is thrown.
import { type ByteSource, readAll } from './byteSource.ts';
import { guessMapping, listFields, previewRows } from './codeRows.ts';
import type { WeightSource } from './architecture.ts';
import { type ModelConfig, parseConfig } from './config.ts';
import { blocksOf, ignoredTensor } from './families.ts';
import { FormatError, quote } from './formatError.ts';
import { type GgufModel, readGgufModel } from './ggufModel.ts';
import { readGgufTokenizer } from './ggufTokenizer.ts';
import { decodeUtf8, isObject, parseJson, textOf } from './json.ts';
import { BadRows, namesRows, readRows, type RowsFile } from './jsonl.ts';
import { HEAD_BYTES, refuseMagic, sniff } from './magic.ts';
import { recogniseProblems } from './problemShape.ts';
import type { RecognisedFiles } from './recognised.ts';
import { checkIndex, joinShards, readSafetensors, type SafetensorsFile } from './safetensors.ts';
import { checkTokenizerFits, loadTokenizer, type Tokenizer } from './tokenizer.ts';
import { MAX_RECIPE_BYTES, readZipRun } from './zipRecipe.ts';

export interface DroppedFile {
  /** Relative to the dropped folder. */
  path: string;
  source: ByteSource;
}

export interface DroppedModel {
  name: string;
  config: ModelConfig;
  weights: WeightSource;
  tokenizer: Tokenizer | null;
  /** The tokenizer's and generation's files as they are, for writing back: name -> bytes. */
  tokenizerFiles: Map<string, Uint8Array>;
}

/** What was read of a dataset, and the file itself. */
export type DroppedDataset = RowsFile & { name: string; source: ByteSource };

export interface Recognition {
  recognised: RecognisedFiles;
  model: DroppedModel | null;
  dataset: DroppedDataset | null;
  /** Valid JSON of at most MAX_RECIPE_BYTES, for parseRecipe(JSON.parse(...)). */
  recipeText: string | null;
  /** log.jsonl of a run bundle, or a log alone: text that nobody has checked; and whether models lie beside it. */
  log: { file: string; text: string; hasModels: boolean } | null;
}

const MAX_SMALL_FILE = 64_000_000;
const SHOWN_BAD_ROWS = 5;
const LOG_BEGINS = '{"type":"start",';
const KEPT_AS_IS = [
  'generation_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'chat_template.jinja',
];
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', ...KEPT_AS_IS];
/** Files that come along with a model folder or a file system and say nothing to us. */
const PASSED_OVER = /^(\..*|readme.*|licen[cs]e.*|notice.*|use_policy.*|thumbs\.db)$/i;
const INDEX = 'model.safetensors.index.json';

interface Parts {
  config: ModelConfig | null;
  shards: { path: string; file: SafetensorsFile }[];
  /** Text of model.safetensors.index.json. */
  index: string | null;
  gguf: { path: string; model: GgufModel } | null;
  tokenizerFiles: Map<string, Uint8Array>;
  dataset: DroppedDataset | null;
  recipeText: string | null;
  log: Recognition['log'];
  taken: Map<string, string>;
  asks: RecognisedFiles['asks'] | null;
  problems: RecognisedFiles['problems'];
}

/** @param goodRowsAlone whether the good rows of a dataset will do, however many are bad; without, that is asked. */
export async function recognise(files: DroppedFile[], goodRowsAlone = false): Promise<Recognition> {
  const parts: Parts = {
    config: null,
    shards: [],
    index: null,
    gguf: null,
    tokenizerFiles: new Map(),
    dataset: null,
    recipeText: null,
    log: null,
    taken: new Map(),
    asks: null,
    problems: [],
  };
  // Outer files before inner ones, so that a folder's own config.json wins over one of a checkpoint inside it; rows before plain text.
  const rank = (path: string) => 2 * path.split('/').length + (namesRows(path) ? 0 : 1);
  const inOrder = [...files].sort((a, b) => rank(a.path) - rank(b.path) || (a.path < b.path ? -1 : 1));
  for (const file of inOrder) await attempt(parts, file.path, () => readFile(parts, file, goodRowsAlone));
  const model = await assembleModel(parts);
  return {
    recognised: {
      model: model && describeModel(model),
      dataset: parts.dataset && describeDataset(parts.dataset),
      ...(parts.asks ? { asks: parts.asks } : {}),
      problems: parts.problems,
    },
    model,
    dataset: parts.dataset,
    recipeText: parts.recipeText,
    log: parts.log,
  };
}

/** Turns a FormatError into a listed problem. */
async function attempt(parts: Parts, file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    parts.problems.push({ file, message: error.message });
  }
}

async function readFile(parts: Parts, { path, source }: DroppedFile, goodRowsAlone: boolean): Promise<void> {
  const name = baseName(path);
  if (PASSED_OVER.test(name)) return;
  if (source.size === 0) throw new FormatError(`${quote(path)} is empty.`);
  const magic = sniff(path, await source.read(0, Math.min(HEAD_BYTES, source.size)));
  refuseMagic(path, magic);
  if (/^adapter_(config\.json|model\.safetensors)$/i.test(name)) {
    throw new FormatError(
      `${quote(path)} belongs to a LoRA adapter without its model. Merge them (peft: merge_and_unload) and drop the merged folder.`,
    );
  }
  if (magic === 'gguf') {
    take(parts, 'a GGUF file', path);
    parts.gguf = { path, model: await readGgufModel({ ...source, name: path }) };
  } else if (name === 'config.json') {
    take(parts, 'a config.json', path);
    parts.config = parseConfig(await readText(source, path));
  } else if (name === INDEX) {
    take(parts, `a ${INDEX}`, path);
    parts.index = await readText(source, path);
  } else if (/\.safetensors$/i.test(name)) await readWeights(parts, path, source);
  else if (TOKENIZER_FILES.includes(name)) {
    take(parts, `a ${name}`, path);
    parts.tokenizerFiles.set(name, await readAll(source, MAX_SMALL_FILE));
  } else if (magic === 'zip') {
    const { recipeText, logText, hasModels } = await readZipRun({ ...source, name: path });
    takeRecipe(parts, path, recipeText);
    parts.log = logText === null ? null : { file: path, text: logText, hasModels };
  } else if (magic === 'parquet') {
    await readDataset(parts, path, source, goodRowsAlone);
  } else if (await isRunLog(source)) {
    take(parts, 'the log of a run', path);
    parts.log = { file: path, text: await readText(source, path), hasModels: false };
  } else if (await isRecipe(name, path, source)) {
    takeRecipe(parts, path, await readText(source, path));
  } else {
    await readDataset(parts, path, source, goodRowsAlone);
  }
}

async function readDataset(parts: Parts, path: string, source: ByteSource, goodRowsAlone: boolean): Promise<void> {
  let dataset: RowsFile;
  try {
    dataset = await readRows(source, path, goodRowsAlone);
  } catch (error) {
    if (!(error instanceof BadRows)) throw error;
    take(parts, 'a dataset', path);
    const { goodRows, badRows, message } = error;
    parts.asks = { file: path, goodRows, badRows: badRows.length, badLines: badRows.slice(0, SHOWN_BAD_ROWS), message };
    return;
  }
  take(parts, 'a dataset', path);
  parts.dataset = { ...dataset, name: path, source };
}

async function readWeights(parts: Parts, path: string, source: ByteSource): Promise<void> {
  const outer = parts.shards[0];
  const isNext = outer && folderOf(outer.path) === folderOf(path) && /-\d+-of-\d+\.safetensors$/i.test(path);
  if (outer && !isNext) take(parts, 'a safetensors file', path);
  else parts.taken.set('a safetensors file', path);
  parts.shards.push({ path, file: await readSafetensors({ ...source, name: path }) });
}

/** A recipe by its name, or a small .json object with the fields that every recipe has. */
async function isRecipe(name: string, path: string, source: ByteSource): Promise<boolean> {
  if (!/\.json$/i.test(name) || source.size > MAX_RECIPE_BYTES) return false;
  if (name === 'recipe.json') return true;
  const text = await readText(source, path);
  if (!text.trimStart().startsWith('{') || !text.includes('"arms"')) return false;
  const value = parseJson(text, quote(path));
  return isObject(value) && 'version' in value && 'arms' in value && 'task' in value;
}

/** By its first event; what is in it is checked by whoever reads it. */
async function isRunLog(source: ByteSource): Promise<boolean> {
  const head = await source.read(0, Math.min(LOG_BEGINS.length, source.size));
  return new TextDecoder().decode(head) === LOG_BEGINS;
}

/** One file of each sort; a second one is refused by name. */
function take(parts: Parts, sort: string, path: string): void {
  const first = parts.taken.get(sort);
  if (first !== undefined) throw new FormatError(`${quote(path)}: ${sort} was already taken from ${quote(first)}. Drop one at a time.`);
  parts.taken.set(sort, path);
}

function takeRecipe(parts: Parts, path: string, text: string): void {
  parseJson(text, quote(path));
  take(parts, 'a recipe', path);
  parts.recipeText = text;
}

async function assembleModel(parts: Parts): Promise<DroppedModel | null> {
  const { config, shards, gguf } = parts;
  const weightsPath = parts.taken.get('a safetensors file');
  const configPath = parts.taken.get('a config.json');
  if (gguf && shards.length === 0) return assembleGguf(parts, gguf);
  if (gguf)
    parts.problems.push({ file: gguf.path, message: 'A model was also dropped as safetensors, which is taken. Drop one at a time.' });
  if (!config || shards.length === 0) {
    if (config)
      parts.problems.push({
        file: configPath ?? 'config.json',
        message: 'A config.json needs its model.safetensors: drop the whole model folder.',
      });
    if (shards.length > 0) {
      parts.problems.push({
        file: weightsPath ?? 'model.safetensors',
        message: 'Weights need the config.json of their model: drop the whole model folder.',
      });
    }
    return null;
  }
  let weights: WeightSource | null = null;
  await attempt(parts, weightsPath ?? 'model.safetensors', async () => {
    checkShards(shards, parts.index);
    const joined = joinShards(shards.map((shard) => shard.file));
    checkEmbedding(joined, config);
    weights = joined;
  });
  const tokenizer = await assembleTokenizer(parts, config, parts.taken.get('a tokenizer.json') ?? 'tokenizer.json');
  if (!weights) return null;
  const name = folderOf(configPath ?? '') || 'model';
  return { name, config, weights, tokenizer, tokenizerFiles: parts.tokenizerFiles };
}

/** A GGUF file is config, weights and tokenizer in one; a tokenizer.json beside it wins over its own. */
async function assembleGguf(parts: Parts, { path, model }: NonNullable<Parts['gguf']>): Promise<DroppedModel | null> {
  let config: ModelConfig | null = null;
  await attempt(parts, path, async () => {
    const parsed = parseConfig(model.configText);
    checkEmbedding(model.weights, parsed);
    config = parsed;
  });
  if (!config) return null;
  await attempt(parts, path, async () => {
    const own = parts.tokenizerFiles.has('tokenizer.json') ? null : await readGgufTokenizer(model.file, model.architecture);
    if (!own) return;
    const encoder = new TextEncoder();
    parts.tokenizerFiles.set('tokenizer.json', encoder.encode(own.tokenizerJson));
    parts.tokenizerFiles.set('tokenizer_config.json', encoder.encode(own.tokenizerConfigJson));
  });
  const tokenizer = await assembleTokenizer(parts, config, parts.taken.get('a tokenizer.json') ?? path);
  const name = baseName(path).replace(/\.gguf$/i, '');
  return { name, config, weights: model.weights, tokenizer, tokenizerFiles: parts.tokenizerFiles };
}

async function assembleTokenizer(parts: Parts, { architecture }: ModelConfig, file: string): Promise<Tokenizer | null> {
  let tokenizer: Tokenizer | null = null;
  await attempt(parts, file, async () => {
    const definition = textOf(parts.tokenizerFiles, 'tokenizer.json');
    if (definition === null) return;
    const loaded = loadTokenizer(definition, textOf(parts.tokenizerFiles, 'tokenizer_config.json'));
    checkTokenizerFits(loaded, architecture.vocabulary);
    tokenizer = loaded;
  });
  return tokenizer;
}

function checkShards(shards: Parts['shards'], index: string | null): void {
  const stated = /-(\d+)-of-(\d+)\.safetensors$/i.exec(shards[0]?.path ?? '');
  if (!stated) return;
  if (Number(stated[2]) !== shards.length) {
    throw new FormatError(
      `${shards.length} of the ${Number(stated[2])} safetensors files of the model were dropped. Drop the whole folder.`,
    );
  }
  if (index !== null) checkIndex(index, new Map(shards.map(({ path, file }) => [baseName(path), file])));
}

function checkEmbedding({ tensors }: WeightSource, { architecture }: ModelConfig): void {
  const embedding = blocksOf(architecture)[0]?.parts[0];
  if (!embedding) return;
  const name = [embedding.name, ...embedding.aliases].find((each) => tensors.has(each)) ?? embedding.name;
  const shape = tensors.get(name)?.shape;
  if (!shape) throw new FormatError(`The weights have no ${name}, so they are not those of a ${architecture.family} model.`);
  if (shape.join() !== embedding.shape.join()) {
    throw new FormatError(
      `The weights embed [${shape}] but config.json says a vocabulary of ${architecture.vocabulary} and a width of ${architecture.hidden}. ` +
        'Drop files of one model.',
    );
  }
}

function describeModel({ name, config, weights, tokenizer }: DroppedModel): NonNullable<RecognisedFiles['model']> {
  const { architecture } = config;
  const entries = [...weights.tensors].filter(([key]) => !ignoredTensor(architecture, key)).map(([, entry]) => entry);
  return {
    name,
    family: architecture.family,
    parameters: entries.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    dtype: [...new Set(entries.map((entry) => entry.dtype))].join('/'),
    context: architecture.maxPositions,
    layers: architecture.layers,
    vocabulary: architecture.vocabulary,
    hasTokenizer: tokenizer !== null,
  };
}

function describeDataset(dataset: DroppedDataset): NonNullable<RecognisedFiles['dataset']> {
  return {
    name: dataset.name,
    kind: dataset.kind,
    rows: dataset.rows.length,
    badRows: dataset.badRows.length,
    badLines: dataset.badRows.slice(0, SHOWN_BAD_ROWS),
    fields: listFields(dataset.rows),
    mapping: guessMapping(dataset.rows),
    problems: recogniseProblems(dataset.rows),
    preview: dataset.kind === 'text' ? [{ text: dataset.text.slice(0, 200) }] : previewRows(dataset.rows),
  };
}

async function readText(source: ByteSource, path: string): Promise<string> {
  return decodeUtf8(await readAll(source, MAX_SMALL_FILE), quote(path));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
