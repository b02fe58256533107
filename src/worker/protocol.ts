// What the page may ask of the lab's worker. Plain data and callbacks only; comlink carries it (worker/client.ts wraps, worker/lab.worker.ts serves).
import type { InspectedTensor } from '../formats/inspected.ts';
import type { DatasetPreview, RecognisedFiles } from '../formats/recognised.ts';
import type { AblationResult, AdapterReport, RunEstimate, RunEvent, StepProfile } from '../run/events.ts';
import type { Arm, BuiltinKind, Recipe } from '../run/recipe.ts';
import type { KeptRuns, RunSizes, StoredRun } from '../store/storedRun.ts';

/** Says what was recognised in a drop, before anything runs. All text is untrusted: show it as text. */
export interface Recognised extends RecognisedFiles {
  /** A recipe.json or a run bundle's recipe that was dropped. */
  recipe: Recipe | null;
  /** An earlier run whose bundle or log was dropped, every event checked; `bundle` is the path of the zip, where it holds models. */
  run: { recipe: Recipe; events: RunEvent[]; bundle: string | null } | null;
}

/** One message of a conversation. */
export type ChatTurn = { role: 'system' | 'user' | 'assistant'; content: string };

export interface GenerateOptions {
  /** A conversation is written by the model's own chat template, up to where its answer begins. */
  prompt: { text: string } | { messages: ChatTurn[] };
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
}

/** Whose tensors are looked at: the dropped model's, an embedded base's, or a trained arm's beside those that it was trained from. */
export type Inspectable = { of: 'dropped' } | { of: 'embedded'; task: BuiltinKind } | { of: 'arm'; arm: Arm };

/** How the run that goes on is kept: on disk; not (and why); not for now, and it is paused until there is room. */
export type KeptState = { kind: 'disk' } | { kind: 'memory' | 'full'; message: string };

export interface StorageUse {
  runs: RunSizes[];
  /** Of the whole page, as the browser counts and allows; null where it does not say. */
  usageBytes: number | null;
  quotaBytes: number | null;
  /** Whether the browser promised not to clear it by itself. */
  persisted: boolean;
}

export interface LabApi {
  /** Adapter or the reason why there is none. */
  adapter(): Promise<{ ok: true; adapter: AdapterReport } | { ok: false; reason: string }>;
  /**
   * Reads dropped files (paths relative to the dropped folder). What was recognised earlier stays until replaced. A dataset of which many rows cannot be
   * read is asked about, and only taken with `goodRowsAlone`.
   */
  drop(files: { path: string; file: File }[], goodRowsAlone?: boolean): Promise<Recognised>;
  /** Takes a recognised part back, as if it had not been dropped. */
  forget(part: 'model' | 'dataset'): Promise<void>;
  /** The first rows of the dropped dataset as the task would use them. */
  preview(task: Recipe['task']): Promise<DatasetPreview>;
  /** Reads every tensor, one after the other; the next call ends this one, and null only that. Resolves when all are read, or when it is ended. */
  inspect(what: Inspectable | null, onTensors: (tensors: InspectedTensor[]) => void): Promise<void>;
  /** What the recipe will take here; refuses what run would refuse before its start. */
  estimate(recipe: Recipe): Promise<RunEstimate>;
  /**
   * Starts a run; resolves when it ends. Every event is passed to onEvent in order. With what the list says of it, it is kept on disk where that can be,
   * and onKept hears how.
   */
  run(recipe: Recipe, onEvent: (events: RunEvent[]) => void, as?: StoredRun, onKept?: (state: KeptState) => void): Promise<void>;
  /** Goes on with a kept run from its last checkpoint; the first events are those of before. */
  resumeRun(id: string, onEvent: (events: RunEvent[]) => void, onKept: (state: KeptState) => void): Promise<void>;
  keptRuns(): Promise<KeptRuns>;
  /** A kept run's log. */
  readRun(id: string): Promise<RunEvent[]>;
  /** Keeps what the list says of a run; of one that did not run here its log too. */
  keepRun(run: StoredRun, events?: RunEvent[]): Promise<void>;
  /** Keeps a copy of the bundle that a kept run was opened from. Gives the reason why it is not kept, and null when it is. */
  keepBundle(id: string, bundle: File): Promise<string | null>;
  deleteRun(id: string): Promise<void>;
  storage(): Promise<StorageUse>;
  /** Resolves when the run holds at a step boundary, or when it ends first. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** When paused: one step further, then paused again. */
  step(): Promise<void>;
  stop(): Promise<void>;
  /** Whether the model that generate would take has a chat template. */
  hasChat(arm: Arm | null): Promise<boolean>;
  /**
   * Text from the dropped model (or one trained from it when arm is given). onSent hears what the model was sent, before it writes; onText streams what is
   * new.
   */
  generate(
    options: GenerateOptions,
    arm: Arm | null,
    onSent: (sent: { text: string; tokens: number }) => void,
    onText: (text: string) => void,
  ): Promise<{ ids: number[]; text: string; logprobs: number[] }>;
  /**
   * Score of a trained arm of the held run with latents switched off in sampling and without: `thoughts` by the texts that traces show, null for all
   * thoughts. `report` is called as programs are judged.
   */
  ablate(arm: Arm, thoughts: string[] | null, report: (soFar: AblationResult) => void): Promise<AblationResult>;
  /** Times one training step of the last run's shape, kernel by kernel, on a copy of its model; while a run is paused, or after it. */
  profileStep(): Promise<StepProfile>;
  /** Names of all kernels, and the WGSL of one as the device gets it, includes resolved. Need no GPU. */
  kernelNames(): Promise<string[]>;
  kernelSource(kernel: string): Promise<string>;
  /**
   * Holds an earlier run's trained arms in place of the last run's: from its bundle, or from the one that is kept of it. Everything is checked, nothing
   * is computed; a bundle is a few reads until a model is used.
   */
  openModels(from: { bundle: File } | { kept: string }): Promise<void>;
  /** The trained model of an arm as a Hugging Face folder: file name -> bytes. */
  exportModel(arm: Arm): Promise<Record<string, Uint8Array>>;
  /** The held run for RL engines elsewhere, as one zip: the chosen arms, data, reward, configurations, and what to check them by. */
  exportCluster(arms: Arm[]): Promise<Uint8Array>;
  /** The whole run as one zip: recipe.json, log.jsonl, summary.json, model/<arm>/..., traces.jsonl and .parquet, environment.json. With an id: a kept run's. */
  exportBundle(id?: string): Promise<Uint8Array>;
}

/** What the worker serves besides, to worker/client.ts alone. */
export interface LabWorkerApi extends LabApi {
  /** Gives the worker what opens the Python sandbox, which a worker cannot open itself. */
  lendSandbox(open: () => Promise<MessagePort>): Promise<void>;
}
