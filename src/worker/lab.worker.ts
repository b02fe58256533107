// The lab's worker: owns the GPU, the dropped files and the run, and answers the page through comlink. Everything slow happens here.
// Promises: every call settles with a value or with one clear error; events arrive in order. Refuses runs while one goes on.
import * as Comlink from 'comlink';
import { tune, attachTuningStore } from '../engine/tuner.ts';
import { collect } from '../formats/outputFile.ts';
import { readBundleModels } from '../formats/bundleModels.ts';
import { type DroppedModel, type Recognition, recognise } from '../formats/dropped.ts';
import type { InspectedTensor } from '../formats/inspected.ts';
import { inspectWeights } from '../formats/inspectWeights.ts';
import { fromBlob } from '../formats/byteSource.ts';
import { readZipRun } from '../formats/zipRecipe.ts';
import { type GpuContext, GpuError, openGpu } from '../gpu/context.ts';
import { kernelNames, kernelSource } from '../gpu/shaders.ts';
import { datasetOf } from '../run/datasetCorpus.ts';
import { generateText } from '../run/generateText.ts';
import type { RunEvent } from '../run/events.ts';
import { previewDataset } from '../run/preview.ts';
import { embeddedModel, type EmbeddedFiles, type Given, type Keeping, Session } from '../run/session.ts';
import { chatTemplateOf } from '../run/promptText.ts';
import { type Arm, ARMS, parseRecipe, type Recipe } from '../run/recipe.ts';
import { writeBundle } from '../share/bundle.ts';
import { LogError, readLog } from '../share/logReader.ts';
import { callsOnly } from './calls.ts';
import { EventStream } from './eventStream.ts';
import {
  beginKept,
  deleteKept,
  type DroppedInputs,
  type GivenSources,
  keepDroppedBundle,
  keepRow,
  keptRuns,
  type LockedKeeper,
  openKeptBundle,
  readKept,
  resumeKept,
  storageUse,
} from './keptRuns.ts';
import { holdLifeLock } from './lifeLock.ts';
import { lendSandbox, pythonSandbox } from './labSandbox.ts';
import type { Inspectable, LabWorkerApi, Recognised } from './protocol.ts';
import { tellFailures } from './failures.ts';
import { tellRefusals } from './refusals.ts';
import { openTextWorker } from './textClient.ts';
import { tuningStore } from './tuningStore.ts';

holdLifeLock(self.name);
tellRefusals(self.name);
tellFailures(self.name);

let session: Promise<Session> | null = null;
/** Given before there was a GPU, or without one: kept, so that a drop can be looked at anywhere. */
const given: Partial<Given> = {};
/** The files that they came from, for runs that are kept. */
const givenFiles: DroppedInputs = {};
/** Every file that was dropped, the newest first: a run may be resumed with some of them. */
const droppedFiles: { path: string; file: File }[] = [];
/** Drops, and what takes them back, one behind the other as they came: a worker that is given all of them anew ends with what was dropped last. */
let drops: Promise<unknown> = Promise.resolve();

function inOrder<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return (...args) => {
    const turn = drops.then(() => call(...args));
    drops = turn.catch(() => undefined);
    return turn;
  };
}

const BATCH_MS = 100;

async function open(): Promise<Session> {
  const gpu = await openBrowserGpu();
  const made = new Session(gpu, openBrowserGpu, pythonSandbox, openTextWorker);
  made.give(given);
  // a device that is lost while nothing runs ends this session, and the next call opens a new one; a run opens another itself
  void gpu.lost.then(() => {
    if (!made.control.current) session = null;
  });
  return made;
}

function sessionOf(): Promise<Session> {
  session ??= open().catch((e) => {
    session = null;
    throw e;
  });
  return session;
}

async function openBrowserGpu(): Promise<GpuContext> {
  if (!('gpu' in navigator))
    throw new GpuError(
      'missing',
      'This browser has no WebGPU. Use Chrome 121 or later on a machine with a graphics driver; recorded runs still play here.',
    );
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new GpuError(
      'missing',
      'WebGPU is there, but gives no adapter. Update the graphics driver or turn on hardware acceleration in the browser settings; recorded runs still play here.',
    );
  const gpu = await openGpu(adapter);
  attachTuningStore(gpu, tuningStore);
  return gpu;
}

async function embedded(task: string): Promise<EmbeddedFiles> {
  const read = async (name: string): Promise<Response> => {
    const response = await fetch(new URL(`../default/${task}/${name}`, self.location.href));
    if (!response.ok) throw new Error(`The embedded model's ${name} could not be read (HTTP ${response.status}). Build the page again.`);
    return response;
  };
  const [config, weights] = await Promise.all([
    read('config.json').then((r) => r.text()),
    read('model.safetensors').then((r) => r.arrayBuffer()),
  ]);
  return { config, weights: new Uint8Array(weights) };
}

/** Errors cross comlink with their message only when they are plain: names and causes are folded in. */
function plain<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    try {
      return await call(...args);
    } catch (e) {
      throw new Error(e instanceof Error ? e.message : String(e));
    }
  };
}

/** Runs to the end, keeping as it goes; what the keeper and the page are told is the same. */
async function carry(
  lab: Session,
  recipe: Recipe,
  onEvent: (events: RunEvent[]) => void,
  keeper: LockedKeeper | null,
  from?: Keeping['from'],
): Promise<void> {
  const stream = new EventStream(onEvent);
  keeper?.pauseBy(() => void lab.control.current?.pause());
  try {
    let earlier = from?.events ?? [];
    const emit = (event: RunEvent): void => {
      // a run that is resumed begins with what it had said, and only once nothing keeps it from going on
      if (earlier.length > 0) onEvent([...earlier]);
      earlier = [];
      keeper?.take(event);
      stream.push(event);
    };
    const keeping = keeper ? { keep: keeper.keep, ...(from ? { from } : {}) } : undefined;
    await lab.run(recipe, embedded, emit, keeping);
    await keeper?.end(async () => writeBundle(await lab.bundleFiles()));
  } finally {
    keeper?.close();
    await stream.end();
  }
}

/** What a run was given at its start; where nothing is known of that, what is given now. */
async function recogniseSources({ model, dataset }: GivenSources): Promise<Given> {
  const parts: Given = { model: given.model ?? null, dataset: given.dataset ?? null };
  for (const files of [model, dataset]) {
    if (files.length === 0) continue;
    // whether its good rows will do was asked when it was dropped
    const found = await recognise(files, true);
    if (files === model && found.model) parts.model = found.model;
    if (found.dataset) parts.dataset = datasetOf(found.dataset);
  }
  return parts;
}

/** A log that cannot be read, and lines that were left out, are problems of its file. */
function readDroppedLog({ file, text, hasModels }: NonNullable<Recognition['log']>, problems: Recognised['problems']): Recognised['run'] {
  try {
    const { recipe, events, wrongLines, named } = readLog(text);
    if (wrongLines > 0)
      problems.push({
        file,
        message: `${wrongLines} lines of its log are no events and were left out; first ${named.map((n) => `line ${n.line}: ${n.message}`).join('; ')}.`,
      });
    return { recipe, events, bundle: hasModels ? file : null };
  } catch (e) {
    if (!(e instanceof LogError)) throw e;
    problems.push({ file, message: e.message });
    return null;
  }
}

/** Counts what was asked to be inspected: whoever finds another number than its own ends. */
let inspections = 0;

async function weightsOf(what: Inspectable): Promise<Parameters<typeof inspectWeights>> {
  if (what.of === 'arm') return (await sessionOf()).comparison(what.arm);
  if (what.of === 'embedded') return [(await embeddedModel(await embedded(what.task))).weights];
  if (!given.model) throw new Error('No model was dropped. Drop config.json and model.safetensors first.');
  return [given.model.weights];
}

const api: LabWorkerApi = {
  lendSandbox: async (open) => lendSandbox(open),

  adapter: async () => {
    try {
      return { ok: true, adapter: (await sessionOf()).gpu.report };
    } catch (e) {
      return { ok: false, reason: (e as Error).message };
    }
  },

  drop: plain(
    inOrder(async (files, goodRowsAlone) => {
      droppedFiles.unshift(...files);
      const { recognised, recipeText, log, model, dataset } = await recognise(
        files.map(({ path, file }) => ({ path, source: fromBlob(path, file) })),
        goodRowsAlone,
      );
      const problems = [...recognised.problems];
      let recipe = null;
      if (recipeText !== null) {
        try {
          recipe = parseRecipe(JSON.parse(recipeText));
        } catch (e) {
          problems.push({ file: 'recipe.json', message: (e as Error).message });
        }
      }
      const run = log && readDroppedLog(log, problems);
      const parts = { model, dataset: dataset ? datasetOf(dataset) : null };
      if (parts.model) given.model = parts.model;
      if (parts.dataset) given.dataset = parts.dataset;
      if (model) givenFiles.model = files;
      if (dataset) givenFiles.dataset = files;
      if (session) (await session.catch(() => null))?.give(parts);
      return { ...recognised, problems, recipe, run };
    }),
  ),

  forget: plain(
    inOrder(async (part) => {
      given[part] = null;
      delete givenFiles[part];
      if (session) (await session.catch(() => null))?.forget(part);
    }),
  ),

  preview: plain(async (task) => {
    if (!given.dataset) throw new Error('No dataset was dropped.');
    return previewDataset(given.dataset, task);
  }),

  inspect: plain(async (what, onTensors) => {
    const mine = ++inspections;
    if (!what) return;
    let found: InspectedTensor[] = [];
    let toldAt = 0;
    for await (const tensor of inspectWeights(...(await weightsOf(what)))) {
      if (mine !== inspections) return;
      found.push(tensor);
      if (performance.now() - toldAt < BATCH_MS) continue;
      onTensors(found);
      found = [];
      toldAt = performance.now();
    }
    onTensors(found);
  }),

  estimate: plain(async (recipe) => (await sessionOf()).estimate(parseRecipe(recipe), embedded)),

  run: plain(async (recipe, onEvent, as, onKept = () => undefined) => {
    const checked = parseRecipe(recipe);
    await drops;
    const lab = await sessionOf();
    const keeper = as ? await beginKept({ ...as, recipe: checked }, givenFiles, onKept) : null;
    await carry(lab, checked, onEvent, keeper);
  }),

  resumeRun: plain(async (id, onEvent, onKept) => {
    await drops;
    const lab = await sessionOf();
    const { run, keeper, from, inputs } = await resumeKept(id, droppedFiles, onKept);
    try {
      await carry(lab, run.recipe, onEvent, keeper, { ...from, given: await recogniseSources(inputs) });
    } finally {
      keeper.close();
    }
  }),

  keptRuns,
  readRun: plain(readKept),
  keepRun: plain(keepRow),
  keepBundle: plain(keepDroppedBundle),
  deleteRun: plain(deleteKept),
  storage: plain(storageUse),

  pause: plain(async () => (await sessionOf()).control.current?.pause()),
  resume: plain(async () => (await sessionOf()).control.current?.resume()),
  step: plain(async () => (await sessionOf()).control.current?.step()),
  stop: plain(async () => (await sessionOf()).control.current?.stop()),

  hasChat: plain(async (arm) => {
    const folder = arm ? (await sessionOf()).trained(arm) : given.model;
    return Boolean(folder?.tokenizer && chatTemplateOf(folder));
  }),

  generate: plain(async (options, arm, onSent, onText) => {
    const lab = await sessionOf();
    const folder = arm ? lab.trained(arm) : lab.dropped;
    if (!folder) throw new Error('No model was dropped. Drop config.json, model.safetensors and tokenizer.json first.');
    const { text, ids } = await lab.prompted(folder, options.prompt);
    onSent({ text, tokens: ids.length });
    await tune(lab.gpu);
    return generateText(lab.gpu, folder, { ...options, prompt: { ids } }, onText);
  }),

  ablate: plain(async (arm, thoughts, report) => (await sessionOf()).ablate(arm, thoughts, report)),

  profileStep: plain(async () => (await sessionOf()).profileStep()),
  kernelNames: plain(async () => kernelNames()),
  kernelSource: plain(async (kernel) => kernelSource(kernel).code),

  openModels: plain(async (from) => {
    const source =
      'bundle' in from ? fromBlob(from.bundle.name, from.bundle) : fromBlob('the stored bundle', await openKeptBundle(from.kept));
    const { logText } = await readZipRun(source);
    if (logText === null) throw new LogError('The bundle has no log.jsonl, so it is not known what its models are. Export it again.');
    const { recipe, events } = readLog(logText);
    const found = await readBundleModels(source, (name) => ARMS.some((arm) => arm === name));
    if (found.size === 0) throw new Error('The bundle holds no models: its run had none when it was saved.');
    await (await sessionOf()).open({ recipe, events, arms: found as Map<Arm, DroppedModel> }, embedded);
  }),

  exportModel: plain(async (arm) => {
    const files: Record<string, Uint8Array> = {};
    for (const file of (await sessionOf()).exportModel(arm)) files[file.name] = await collect(file);
    return files;
  }),

  exportCluster: plain(async (arms) => writeBundle(await (await sessionOf()).clusterFiles(arms))),

  exportBundle: plain(async (id) =>
    id === undefined
      ? writeBundle(await (await sessionOf()).bundleFiles())
      : new Uint8Array(await (await openKeptBundle(id)).arrayBuffer()),
  ),
};

Comlink.expose(api, callsOnly(self as unknown as Comlink.Endpoint, api));
