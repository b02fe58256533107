// What the page's worker and the command line share: a model and a dataset that were given, one run at a time, and what comes out of it: the
// log, the arms as Hugging Face folders, the bundle. Refuses a second run while one goes on.
import type { WeightSource } from '../formats/architecture.ts';
import type { DroppedModel } from '../formats/dropped.ts';
import { parseConfig } from '../formats/config.ts';
import { fromBytes } from '../formats/byteSource.ts';
import { heldWeights } from '../formats/heldWeights.ts';
import { modelFolder } from '../formats/hfFolder.ts';
import { collect, type OutputFile } from '../formats/outputFile.ts';
import { type NamedTensor, readSafetensors } from '../formats/safetensors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Transformer, type TransformerOptions } from '../model/transformer.ts';
import type { PythonSandbox } from '../verify/python.ts';
import { Ablation } from './ablation.ts';
import { RunControl } from './control.ts';
import { type Corpus, makeCorpus } from './corpus.ts';
import { type Dataset, type DroppedParts, problemsFor } from './datasetCorpus.ts';
import type { AblationResult, RunEstimate, RunEvent, RunInputPrints, RunSummary, StepProfile } from './events.ts';
import { estimateRun } from './estimate.ts';
import { filePrint, modelPrint } from './fingerprint.ts';
import { judgeIn } from './judge.ts';
import { aliasedMetrics } from './metricAliases.ts';
import { type Arm, type BuiltinKind, BUILTIN_KINDS, type Recipe, RecipeError, type TaskKind } from './recipe.ts';
import { profileStep } from './stepProfile.ts';
import type { Checkpoint } from './runCore.ts';
import { type RunInputs, type RunOutcome, runRecipe, VERSION } from './runner.ts';
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

/** How a run is kept while it goes on, and what it goes on from. */
export interface Keeping {
  keep: NonNullable<RunInputs['keep']>;
  from?: { checkpoint: Checkpoint; events: readonly RunEvent[] };
}

const isBuiltin = (kind: TaskKind): kind is BuiltinKind => BUILTIN_KINDS.some((k) => k === kind);

export class Session {
  private device: GpuContext;
  private readonly reopen: () => Promise<GpuContext>;
  readonly control: { current: RunControl | null } = { current: null };
  private model: DroppedModel | null = null;
  private dataset: Dataset | null = null;
  private events: RunEvent[] = [];
  private recipe: Recipe | null = null;
  private arms = new Map<Arm, NamedTensor[]>();
  private from: DroppedModel | null = null;
  private traces = '';
  private samples: RunOutcome['samples'] = new Map();
  private corpus: Corpus | null = null;
  /** An arm on the device, ready to be measured again with other latents switched off. */
  private ablation: { arm: Arm; gpu: GpuContext; model: Transformer; ablation: Ablation } | null = null;
  /** Measurements of trained arms, one behind the other; a run waits for the last. */
  private measuring: Promise<unknown> = Promise.resolve();

  private readonly sandbox: () => PythonSandbox | null;

  /** `reopen` opens a device in place of one that was lost while a run was going on; `sandbox` is asked for when a recipe has Python to be judged. */
  constructor(gpu: GpuContext, reopen: () => Promise<GpuContext>, sandbox: () => PythonSandbox | null = () => null) {
    this.device = gpu;
    this.reopen = reopen;
    this.sandbox = sandbox;
  }
  get gpu(): GpuContext {
    return this.device;
  }

  give(parts: { model?: DroppedModel | null; dataset?: Dataset | null }): void {
    if (parts.model) this.model = parts.model;
    if (parts.dataset) this.dataset = parts.dataset;
  }
  forget(part: 'model' | 'dataset'): void {
    this[part] = null;
  }
  get dropped(): DroppedModel | null {
    return this.model;
  }

  /** Runs to the end. `embedded` is asked for the base model of a built-in task. Throws before the start when the recipe does not fit. */
  async run(
    recipe: Recipe,
    embedded: (task: BuiltinKind) => Promise<EmbeddedFiles>,
    emit: (event: RunEvent) => void,
    keeping?: Keeping,
  ): Promise<RunSummary> {
    if (this.control.current) throw new RecipeError('A run is going on. Stop it first.');
    this.checkFits(recipe);
    const control = new RunControl();
    this.control.current = control;
    try {
      await this.measuring;
      this.releaseAblation();
      const folder = await this.folderOf(recipe, embedded);
      const corpus = makeCorpus(recipe, folder.config.architecture.vocabulary, await this.parts(recipe, folder));
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
      const { summary, arms, infused, samples, gpu } = await runRecipe({
        gpu: this.gpu,
        reopen: this.reopen,
        recipe,
        architecture: folder.config.architecture,
        load: (model) => (recipe.model === 'fresh' ? drawWeights(model, recipe.seed, recipe.base) : model.load(folder.weights)),
        corpus,
        inputs: await this.prints(recipe, folder),
        control,
        ...(keeping ? { keep: keeping.keep } : {}),
        ...(keeping?.from ? { from: keeping.from.checkpoint } : {}),
        emit: (event) => {
          if (event.type !== 'progress') this.events.push(event);
          emit(event);
        },
      });
      this.device = gpu;
      this.arms = arms;
      this.samples = samples;
      this.traces = infused
        .slice(0, 2000)
        .map((t) =>
          JSON.stringify({
            prompt: corpus.text(t.program.prompt),
            lines: t.program.lines.map((l, i) => ({
              thought: t.latents[i] ? corpus.text(t.latents[i] as number[]) : null,
              text: corpus.text(l.tokens),
            })),
            ids: [...t.sequence.ids],
          }),
        )
        .join('\n');
      return summary;
    } finally {
      control.end();
      this.control.current = null;
    }
  }

  /** What the recipe will take here. Throws as run does. */
  async estimate(recipe: Recipe, embedded: (task: BuiltinKind) => Promise<EmbeddedFiles>): Promise<RunEstimate> {
    this.checkFits(recipe);
    const folder = await this.folderOf(recipe, embedded);
    const problems = await problemsFor(recipe, this.dataset);
    // nothing is judged here: that there would be a judge is what the plan depends on
    const judge = { judge: () => Promise.reject(new Error('An estimate judges nothing.')), unjudged: new Map() };
    const parts = { tokenizer: folder.tokenizer, dataset: this.dataset, endIds: folder.config.eosIds, problems, judge };
    const corpus = makeCorpus(recipe, folder.config.architecture.vocabulary, parts);
    return estimateRun(this.gpu, recipe, folder.config.architecture, corpus);
  }

  private checkFits({ model, task: { kind } }: Recipe): void {
    if (model !== 'dropped' && !isBuiltin(kind))
      throw new RecipeError(`The ${model} model knows only the built-in tasks; a ${kind} task needs a dropped model.`);
    if (model === 'dropped' && !this.model)
      throw new RecipeError(
        'The recipe asks for a dropped model, and none was dropped. Drop config.json, model.safetensors and tokenizer.json.',
      );
  }

  private async prints(recipe: Recipe, folder: DroppedModel): Promise<RunInputPrints> {
    const model = recipe.model === 'fresh' ? '' : await modelPrint(folder.weights);
    return { model, data: 'maxTokens' in recipe.task && this.dataset?.file ? await filePrint(this.dataset.file) : '' };
  }

  private async parts(recipe: Recipe, { tokenizer, config }: DroppedModel): Promise<DroppedParts> {
    const problems = await problemsFor(recipe, this.dataset);
    const judged = problems !== null && recipe.task.kind === 'code' && recipe.task.verify;
    return { tokenizer, dataset: this.dataset, endIds: config.eosIds, problems, judge: judged ? await judgeIn(this.sandbox()) : null };
  }

  private async folderOf(
    { model, task: { kind } }: Recipe,
    embedded: (task: BuiltinKind) => Promise<EmbeddedFiles>,
  ): Promise<DroppedModel> {
    if (model === 'dropped' || !isBuiltin(kind)) return this.model as DroppedModel;
    return model === 'fresh' ? freshFolder(builtinTask(kind)) : embeddedModel(await embedded(kind));
  }

  /**
   * pass@1 of a trained arm with latents switched off in sampling (`thoughts` as traces show them, null: all) and without; reports as it goes. Throws
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
    const measured = this.measuring.then(() => {
      const { recipe, corpus, from, control } = this;
      if (control.current && !control.current.holds)
        throw new RecipeError('A run is going on. Pause it, or let it end, to profile a step.');
      if (!recipe || !corpus || !from)
        throw new RecipeError('Nothing has run yet. A profile has the shape of a run’s steps: press Run first.');
      return profileStep(this.gpu, from, { B: recipe.ntp.batch, T: corpus.maxTokens, W: corpus.window });
    });
    this.measuring = measured.catch(() => undefined);
    return measured;
  }

  private async ablationOf(arm: Arm): Promise<Ablation> {
    const { gpu, recipe, corpus } = this;
    const held = this.ablation;
    if (held?.arm === arm && held.gpu === gpu) return held.ablation;
    const folder = this.trained(arm);
    if (!recipe || !corpus) throw new RecipeError('Nothing has run yet, so there is no arm to measure.');
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
    const { tensors, from } = this.trainedTensors(arm);
    return modelFolder({
      config: from.config,
      tensors: tensors.map(({ name, shape, data }) => ({ name, shape, read: async () => data })),
      tokenizerFiles: from.tokenizerFiles,
    });
  }

  /** A trained arm as a folder that can be loaded again. */
  trained(arm: Arm): DroppedModel {
    const { tensors, from } = this.trainedTensors(arm);
    return { ...from, name: arm, weights: heldWeights(tensors) };
  }

  /** A trained arm's weights and those that it was trained from: the model that was given, or the base that the run trained itself. */
  comparison(arm: Arm): [now: WeightSource, before: WeightSource] {
    const { tensors, from } = this.trainedTensors(arm);
    const base = from.weights.tensors.size > 0 ? from.weights : heldWeights(this.arms.get('base') ?? []);
    return [heldWeights(tensors), base];
  }

  private trainedTensors(arm: Arm): { tensors: NamedTensor[]; from: DroppedModel } {
    const tensors = this.arms.get(arm);
    if (!tensors || !this.from) throw new RecipeError(`There is no trained ${arm} model yet. Run a recipe with that arm to its end.`);
    return { tensors, from: this.from };
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
   * Everything of the run: recipe.json, log.jsonl, summary.json, metrics.trl.jsonl and metrics.verl.jsonl (RLVR's, in their names), traces.jsonl,
   * environment.json, samples/<arm>-<phase>.jsonl, model/<arm>/...
   */
  async bundleFiles(): Promise<Record<string, Uint8Array | string>> {
    const end = this.events.at(-1);
    const files: Record<string, Uint8Array | string> = {
      ...Object.fromEntries(this.logFiles()),
      'summary.json': `${JSON.stringify(end?.type === 'end' ? end.summary : { status: 'running' }, null, 2)}\n`,
      'metrics.trl.jsonl': aliasedMetrics(this.events, 'trl'),
      'metrics.verl.jsonl': aliasedMetrics(this.events, 'verl'),
      'traces.jsonl': this.traces ? `${this.traces}\n` : '',
      'environment.json': `${JSON.stringify({ version: VERSION, adapter: this.gpu.report, userAgent: globalThis.navigator?.userAgent ?? 'node' }, null, 2)}\n`,
    };
    for (const [name, rows] of this.samples) files[`samples/${name}.jsonl`] = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    for (const arm of this.arms.keys()) for (const file of this.exportModel(arm)) files[`model/${arm}/${file.name}`] = await collect(file);
    return files;
  }
}
