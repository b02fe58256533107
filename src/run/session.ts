// What the page's worker and the command line share: a model and a dataset that were given, one run at a time, and what comes out of it: the
// log, the arms as Hugging Face folders, the bundle. An earlier run's bundle can be taken in place of the last run: its arms are then measured, compared and
// written out alike. Refuses a second run while one goes on, and of an earlier run what its bundle does not hold, saying what to give.
import type { WeightSource } from '../formats/architecture.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import { EncodedTexts } from '../formats/encodedApart.ts';
import { textOf } from '../formats/json.ts';
import type { TokenizerFiles } from '../formats/textWork.ts';
import type { TextWorker } from '../formats/textWorker.ts';
import type { Tokenizer } from '../formats/tokenizer.ts';
import { parseConfig } from '../formats/config.ts';
import { fromBytes } from '../formats/byteSource.ts';
import { heldWeights } from '../formats/heldWeights.ts';
import { collect, type OutputFile } from '../formats/outputFile.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Transformer, type TransformerOptions } from '../model/transformer.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { Ablation } from './ablation.ts';
import { RunControl } from './control.ts';
import { type Corpus, makeCorpus } from './corpus.ts';
import { type Dataset, type DroppedParts, problemsFor } from './datasetCorpus.ts';
import type { AblationResult, RunEstimate, RunEvent, RunInputPrints, RunSummary, StepProfile } from './events.ts';
import { estimateRun } from './estimate.ts';
import { checkSameInputs, filePrint, modelPrint } from './fingerprint.ts';
import { judgeIn } from './judge.ts';
import { aliasedMetrics } from './metricAliases.ts';
import { clusterFiles } from './cluster/clusterFiles.ts';
import { folderFiles } from './modelFiles.ts';
import { type Arm, type BuiltinKind, BUILTIN_KINDS, type Recipe, RecipeError, type TaskKind } from './recipe.ts';
import { promptText, type WrittenPrompt } from './promptText.ts';
import { profileStep } from './stepProfile.ts';
import type { Checkpoint } from './runCore.ts';
import { type RunInputs, type RunOutcome, runRecipe, VERSION } from './runner.ts';
import { type TraceRow, tracesJsonl, tracesParquet } from './traceTable.ts';
import { builtinTask } from '../tasks/builtin.ts';
import { drawWeights, freshFolder } from './freshModel.ts';

/** config.json and model.safetensors of a built-in task's base model. */
export interface EmbeddedFiles {
  config: string;
  weights: Uint8Array;
}

export async function embeddedModel(files: EmbeddedFiles): Promise<DroppedModel> {
  const config = parseConfig(files.config);
  return {
    name: 'embedded',
    config,
    weights: await readSafetensors(fromBytes('model.safetensors', files.weights)),
    tokenizer: null,
    tokenizerFiles: new Map(),
  };
}

/** Loads a folder's weights into a new model on the GPU. Throws when they do not fit config.json. */
export async function loadFolder(gpu: GpuContext, folder: DroppedModel, options: TransformerOptions = {}): Promise<Transformer> {
  const model = await Transformer.make(gpu, folder.config.architecture, options);
  try {
    await model.load(folder.weights);
  } catch (e) {
    model.destroy();
    throw e;
  }
  return model;
}

/** What recipes call dropped. */
export interface Given {
  model: DroppedModel | null;
  dataset: Dataset | null;
}

/** How a run is kept while it goes on, and what it goes on from: with what it was given at its start, whatever is given now. */
export interface Keeping {
  keep: NonNullable<RunInputs['keep']>;
  from?: { checkpoint: Checkpoint; events: readonly RunEvent[]; given: Given };
}

/** An earlier run, from its bundle. */
export interface OpenedRun {
  recipe: Recipe;
  events: readonly RunEvent[];
  arms: ReadonlyMap<Arm, DroppedModel>;
}

type ReadEmbedded = (task: BuiltinKind) => Promise<EmbeddedFiles>;

/** Work on texts by a dropped tokenizer and chat template, where it can be ended. */
type TextsApart = Pick<TextWorker, 'encode' | 'encodeContinuations' | 'renderChat' | 'close'>;

/** Programs that a bundle holds. */
const MOST_TRACES = 2000;

const isBuiltin = (kind: TaskKind): kind is BuiltinKind => BUILTIN_KINDS.some((k) => k === kind);

export class Session {
  private device: GpuContext;
  private readonly reopen: () => Promise<GpuContext>;
  readonly control: { current: RunControl | null } = { current: null };
  private readonly given: Given = { model: null, dataset: null };
  private events: RunEvent[] = [];
  private recipe: Recipe | null = null;
  /** Trained arms as folders. */
  private arms = new Map<Arm, DroppedModel>();
  private from: DroppedModel | null = null;
  /** Set while an earlier run is held in place of one that ran here: what reads an embedded base. */
  private opened: ReadEmbedded | null = null;
  private traces: TraceRow[] = [];
  private samples: RunOutcome['samples'] = new Map();
  private corpus: Corpus | null = null;
  /** An arm on the device, ready to be measured again with other latents switched off. */
  private ablation: { arm: Arm; gpu: GpuContext; model: Transformer; ablation: Ablation } | null = null;
  /** Measurements of trained arms, one behind the other; a run waits for the last. */
  private measuring: Promise<unknown> = Promise.resolve();

  private readonly sandbox: () => PythonSandbox | null;
  private readonly textsApart: ((files: TokenizerFiles) => TextsApart) | null;
  /** Texts of the folder that was used last. */
  private texts: { folder: DroppedModel; encoded: EncodedTexts; apart: TextsApart } | null = null;
  /** Work on texts, one behind the other: another folder's ends what works on this one's. */
  private onTexts: Promise<unknown> = Promise.resolve();

  /**
   * `reopen` opens a device in place of one that was lost while a run was going on; `sandbox` is asked for when a recipe has Python to be judged;
   * `textsApart` opens what encodes texts of a dropped tokenizer where it can be ended; without it they are encoded here, and no chat template is
   * rendered.
   */
  constructor(
    gpu: GpuContext,
    reopen: () => Promise<GpuContext>,
    sandbox: () => PythonSandbox | null = () => null,
    textsApart: ((files: TokenizerFiles) => TextsApart) | null = null,
  ) {
    this.device = gpu;
    this.reopen = reopen;
    this.sandbox = sandbox;
    this.textsApart = textsApart;
  }
  get gpu(): GpuContext {
    return this.device;
  }

  give(parts: Partial<Given>): void {
    if (parts.model) this.given.model = parts.model;
    if (parts.dataset) this.given.dataset = parts.dataset;
  }
  forget(part: keyof Given): void {
    this.given[part] = null;
  }
  get dropped(): DroppedModel | null {
    return this.given.model;
  }

  /** Takes an earlier run in place of the last one; nothing is computed and no weights are read. Throws RecipeError while a run goes on. */
  async open({ recipe, events, arms }: OpenedRun, embedded: ReadEmbedded): Promise<void> {
    if (this.control.current) throw new RecipeError('A run is going on. Let it end, or stop it, before another run’s models are loaded.');
    await this.measuring;
    this.releaseAblation();
    this.events = [...events];
    this.recipe = recipe;
    this.arms = new Map(arms);
    this.samples = new Map();
    this.traces = [];
    this.corpus = null;
    this.from = null;
    this.opened = embedded;
  }

  /** Runs to the end. `embedded` is asked for the base model of a built-in task. Throws before the start when the recipe does not fit. */
  async run(recipe: Recipe, embedded: ReadEmbedded, emit: (event: RunEvent) => void, keeping?: Keeping): Promise<RunSummary> {
    if (this.control.current) throw new RecipeError('A run is going on. Stop it first.');
    const given = { ...(keeping?.from?.given ?? this.given) };
    checkFits(recipe, given);
    const control = new RunControl();
    this.control.current = control;
    try {
      await this.measuring;
      this.releaseAblation();
      const folder = await folderOf(recipe, given, embedded);
      const inputs = await printsOf(recipe, folder, given);
      if (keeping?.from) checkSameInputs(recipe, keeping.from.events, inputs);
      const corpus = await this.madeCorpus(recipe, folder, await this.parts(recipe, folder, given));
      const ranges = [...recipe.evaluate.ranges, recipe.rlvr.range].map((r) => corpus.sizes[r].maxTokens);
      const positions = Math.max(corpus.maxTokens, corpus.free?.T ?? 0, ...ranges);
      if (positions > folder.config.architecture.maxPositions)
        throw new RecipeError(
          `The task needs ${positions} positions; the model has ${folder.config.architecture.maxPositions}. Lower maxTokens.`,
        );
      this.events = (keeping?.from?.events ?? []).filter((event) => event.type !== 'progress');
      this.arms = new Map();
      this.samples = new Map();
      this.recipe = recipe;
      this.corpus = corpus;
      this.from = folder;
      this.opened = null;
      const { summary, arms, infused, samples, gpu } = await runRecipe({
        gpu: this.gpu,
        reopen: this.reopen,
        recipe,
        architecture: folder.config.architecture,
        load: (model) => (recipe.model === 'fresh' ? drawWeights(model, recipe.seed, recipe.base) : model.load(folder.weights)),
        corpus,
        inputs,
        control,
        ...(keeping ? { keep: keeping.keep } : {}),
        ...(keeping?.from ? { from: keeping.from.checkpoint } : {}),
        emit: (event) => {
          if (event.type !== 'progress') this.events.push(event);
          emit(event);
        },
      });
      this.device = gpu;
      this.arms = new Map([...arms].map(([arm, tensors]) => [arm, { ...folder, name: arm, weights: heldWeights(tensors) }]));
      this.samples = samples;
      this.traces = infused.slice(0, MOST_TRACES).map((t) => ({
        prompt: corpus.text(t.program.prompt),
        lines: t.program.lines.map((l, i) => ({
          thought: t.latents[i] ? corpus.text(t.latents[i] as number[]) : null,
          text: corpus.text(l.tokens),
        })),
        ids: [...t.sequence.ids],
      }));
      return summary;
    } finally {
      control.end();
      this.control.current = null;
    }
  }

  /** The corpus of a recipe. Rejects with FormatError for a text that the tokenizer takes too long for. */
  private madeCorpus(recipe: Recipe, folder: DroppedModel, parts: DroppedParts): Promise<Corpus> {
    return this.withTexts(folder, (tokenizer) => makeCorpus(recipe, folder.config.architecture.vocabulary, { ...parts, tokenizer }));
  }

  /**
   * What a prompt or a conversation is to the model: its text, and the ids of that. Rejects as madeCorpus does, also for a chat template that takes too
   * long. Throws RecipeError for a model without a tokenizer.
   */
  async prompted(folder: DroppedModel, prompt: WrittenPrompt): Promise<{ text: string; ids: number[] }> {
    if (!folder.tokenizer) throw new RecipeError('This model has no tokenizer.json. Drop it with the model.');
    const { text, addBos } = await promptText(folder, prompt, (...chat) =>
      this.inTurn(() => {
        const apart = this.textsOf(folder)?.apart;
        if (!apart) throw new RecipeError('A chat template is not rendered here: nothing could end it. Give the prompt as plain text.');
        return apart.renderChat(...chat);
      }),
    );
    return { text, ids: await this.withTexts(folder, (tokenizer) => (tokenizer as Tokenizer).encode(text, { addBos })) };
  }

  private withTexts<T>(folder: DroppedModel, work: (tokenizer: Tokenizer | null) => T): Promise<T> {
    return this.inTurn(() => {
      const texts = this.textsOf(folder);
      return texts && folder.tokenizer ? texts.encoded.during(folder.tokenizer, work) : work(folder.tokenizer);
    });
  }

  private inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.onTexts.then(work);
    this.onTexts = turn.catch(() => undefined);
    return turn;
  }

  /** Null for a folder without a tokenizer, and where nothing works on texts apart. */
  private textsOf(folder: DroppedModel): Session['texts'] {
    const { tokenizerFiles } = folder;
    if (this.texts?.folder === folder) return this.texts;
    const tokenizerJson = textOf(tokenizerFiles, 'tokenizer.json');
    if (!this.textsApart || tokenizerJson === null) return null;
    this.texts?.apart.close();
    const apart = this.textsApart({ tokenizerJson, tokenizerConfigJson: textOf(tokenizerFiles, 'tokenizer_config.json') });
    this.texts = { folder, encoded: new EncodedTexts(apart), apart };
    return this.texts;
  }

  /** What the recipe will take here. Throws as run does. */
  async estimate(recipe: Recipe, embedded: ReadEmbedded): Promise<RunEstimate> {
    const given = { ...this.given };
    checkFits(recipe, given);
    const folder = await folderOf(recipe, given, embedded);
    const problems = await problemsFor(recipe, given.dataset);
    // nothing is judged here: that there would be a judge is what the plan depends on
    const judge = { judge: () => Promise.reject(new Error('An estimate judges nothing.')), unjudged: new Map() };
    const parts = { tokenizer: folder.tokenizer, dataset: given.dataset, endIds: folder.config.eosIds, problems, judge };
    const corpus = await this.madeCorpus(recipe, folder, parts);
    return estimateRun(this.gpu, recipe, folder.config.architecture, corpus);
  }

  private async parts(recipe: Recipe, { tokenizer, config }: DroppedModel, { dataset }: Given): Promise<DroppedParts> {
    const problems = await problemsFor(recipe, dataset);
    const judged = problems !== null && recipe.task.kind === 'code' && recipe.task.verify;
    return { tokenizer, dataset, endIds: config.eosIds, problems, judge: judged ? await judgeIn(this.sandbox()) : null };
  }

  /**
   * Score of a trained arm with latents switched off in sampling (`thoughts` as traces show them, null: all) and without; reports as it goes. Throws
   * RecipeError while a run goes on, for arms that are not there, and where latents cannot be switched off.
   */
  ablate(arm: Arm, thoughts: readonly string[] | null, report: (soFar: AblationResult) => void): Promise<AblationResult> {
    const measured = this.measuring.then(async () => {
      if (this.control.current) throw new RecipeError('A run is going on. Let it end, or stop it, before latents are switched off.');
      return (await this.ablationOf(arm)).measure(thoughts, report);
    });
    this.measuring = measured.catch(() => this.releaseAblation());
    return measured;
  }

  /**
   * Profiles one supervised step of the last run's shape on a copy of the model that it started from, so that nothing that was trained changes. Throws
   * RecipeError before the first run and while one goes on that does not hold.
   */
  profileStep(): Promise<StepProfile> {
    const measured = this.measuring.then(async () => {
      const { recipe, control } = this;
      if (control.current && !control.current.holds)
        throw new RecipeError('A run is going on. Pause it, or let it end, to profile a step.');
      if (!recipe) throw new RecipeError('Nothing has run yet. A profile has the shape of a run’s steps: press Run first.');
      const [corpus, from] = [await this.corpusOf(recipe), await this.startedFrom(recipe)];
      return profileStep(this.gpu, from, { B: recipe.ntp.batch, T: corpus.maxTokens, W: corpus.window });
    });
    this.measuring = measured.catch(() => undefined);
    return measured;
  }

  private async ablationOf(arm: Arm): Promise<Ablation> {
    const { gpu, recipe } = this;
    const held = this.ablation;
    if (held?.arm === arm && held.gpu === gpu) return held.ablation;
    const folder = this.trained(arm);
    if (!recipe) throw new RecipeError('Nothing has run yet, so there is no arm to measure.');
    const corpus = await this.corpusOf(recipe);
    this.releaseAblation();
    const model = await loadFolder(gpu, folder);
    try {
      const ablation = await Ablation.make(model, corpus, recipe);
      this.ablation = { arm, gpu, model, ablation };
      return ablation;
    } catch (e) {
      model.destroy();
      throw e;
    }
  }

  private releaseAblation(): void {
    this.ablation?.ablation.destroy();
    this.ablation?.model.destroy();
    this.ablation = null;
  }

  /** A trained arm's files as a Hugging Face folder. */
  exportModel(arm: Arm): OutputFile[] {
    return folderFiles(this.trained(arm));
  }

  /** A trained arm as a folder that can be loaded again. */
  trained(arm: Arm): DroppedModel {
    const folder = this.arms.get(arm);
    if (!folder) throw new RecipeError(`There is no trained ${arm} model yet. Run a recipe with that arm to its end.`);
    return folder;
  }

  /** A trained arm's weights and those that it was trained from: the model that was given, or the base that the run trained itself. */
  async comparison(arm: Arm): Promise<[now: WeightSource, before: WeightSource]> {
    const { weights } = this.trained(arm);
    const recipe = this.recipe as Recipe;
    // a base that the run drew and trained, and one that it left as it was, is among its arms
    if (recipe.model === 'fresh' || (this.opened && recipe.rlvr.steps === 0)) {
      const base = this.arms.get('base');
      if (base) return [weights, base.weights];
    }
    return [weights, (await this.startedFrom(recipe)).weights];
  }

  /** The model that the held run started from; of an earlier run only where it is known to be the same. */
  private async startedFrom(recipe: Recipe): Promise<DroppedModel> {
    if (this.from) return this.from;
    if (!this.opened) throw new RecipeError('Nothing has run yet, so there is no model that it started from. Press Run first.');
    if (recipe.model === 'dropped' && !this.given.model)
      throw new RecipeError('A bundle does not hold the model that its run started from. Drop that model too, then choose again.');
    const folder = await folderOf(recipe, this.given, this.opened);
    const print = this.inputsOfHeld()?.model;
    if (recipe.model !== 'fresh' && print && print !== (await modelPrint(folder.weights)))
      throw new RecipeError(
        recipe.model === 'embedded'
          ? `The run started from the embedded model of another release (fingerprint ${print}), which is not here. Open the bundle on the page that made it.`
          : `The run started from another model than the dropped one (fingerprint ${print}). Drop the model that it started from, then choose again.`,
      );
    return (this.from = folder);
  }

  /** What the held run was trained and judged on; of an earlier run only where the data are known to be the same. */
  private async corpusOf(recipe: Recipe): Promise<Corpus> {
    if (this.corpus) return this.corpus;
    const folder = this.arms.values().next().value;
    if (!this.opened || !folder) throw new RecipeError('Nothing has run yet, so there is nothing to measure on. Press Run first.');
    if ('maxTokens' in recipe.task) {
      const { dataset } = this.given;
      if (!dataset)
        throw new RecipeError('A bundle does not hold the data that its run was judged on. Drop that dataset too, then try again.');
      const print = this.inputsOfHeld()?.data;
      if (print && dataset.file && print !== (await filePrint(dataset.file)))
        throw new RecipeError(`The run had other data than the dropped dataset (fingerprint ${print}). Drop its dataset, then try again.`);
    }
    return (this.corpus = await this.madeCorpus(recipe, folder, await this.parts(recipe, folder, this.given)));
  }

  /** The held run for engines elsewhere (cluster/clusterFiles.ts). */
  async clusterFiles(chosen: readonly Arm[]): Promise<Record<string, Uint8Array | string>> {
    const { recipe, events, arms } = this;
    if (!recipe) throw new RecipeError('Nothing has run yet, so there is nothing to export. Press Run first.');
    return clusterFiles({ recipe, events, arms, corpus: await this.corpusOf(recipe) }, chosen);
  }

  private inputsOfHeld(): RunInputPrints | undefined {
    const [start] = this.events;
    return start?.type === 'start' ? start.inputs : undefined;
  }

  /** recipe.json and log.jsonl alone; of the log what `keep` lets through. */
  logFiles(keep: (event: RunEvent) => boolean = () => true): [string, string][] {
    if (!this.recipe) throw new RecipeError('Nothing has run yet, so there is no log.');
    const lines = this.events.filter(keep).map((e) => `${JSON.stringify(e)}\n`);
    return [
      ['recipe.json', `${JSON.stringify(this.recipe, null, 2)}\n`],
      ['log.jsonl', lines.join('')],
    ];
  }

  /**
   * Everything of the run: recipe.json, log.jsonl, summary.json, metrics.trl.jsonl and metrics.verl.jsonl (RLVR's, in their names), traces.jsonl and
   * traces.parquet, environment.json, samples/<arm>-<phase>.jsonl, model/<arm>/...
   */
  async bundleFiles(): Promise<Record<string, Uint8Array | string>> {
    const end = this.events.at(-1);
    const files: Record<string, Uint8Array | string> = {
      ...Object.fromEntries(this.logFiles()),
      'summary.json': `${JSON.stringify(end?.type === 'end' ? end.summary : { status: 'running' }, null, 2)}\n`,
      'metrics.trl.jsonl': aliasedMetrics(this.events, 'trl'),
      'metrics.verl.jsonl': aliasedMetrics(this.events, 'verl'),
      'traces.jsonl': tracesJsonl(this.traces),
      'traces.parquet': await tracesParquet(this.traces),
      'environment.json': `${JSON.stringify({ version: VERSION, adapter: this.gpu.report, userAgent: globalThis.navigator?.userAgent ?? 'node' }, null, 2)}\n`,
    };
    for (const [name, rows] of this.samples) files[`samples/${name}.jsonl`] = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    for (const arm of this.arms.keys()) for (const file of this.exportModel(arm)) files[`model/${arm}/${file.name}`] = await collect(file);
    return files;
  }
}

function checkFits({ model, task: { kind } }: Recipe, given: Given): void {
  if (model !== 'dropped' && !isBuiltin(kind))
    throw new RecipeError(`The ${model} model knows only the built-in tasks; a ${kind} task needs a dropped model.`);
  if (model === 'dropped' && !given.model)
    throw new RecipeError(
      'The recipe asks for a dropped model, and none was dropped. Drop config.json, model.safetensors and tokenizer.json.',
    );
}

async function folderOf({ model, task: { kind } }: Recipe, given: Given, embedded: ReadEmbedded): Promise<DroppedModel> {
  if (model === 'dropped' || !isBuiltin(kind)) return given.model as DroppedModel;
  return model === 'fresh' ? freshFolder(builtinTask(kind)) : embeddedModel(await embedded(kind));
}

async function printsOf(recipe: Recipe, folder: DroppedModel, { dataset }: Given): Promise<RunInputPrints> {
  const model = recipe.model === 'fresh' ? '' : await modelPrint(folder.weights);
  return { model, data: 'maxTokens' in recipe.task && dataset?.file ? await filePrint(dataset.file) : '' };
}
