// Low-rank adapters (LoRA, arXiv 2106.09685) of a model's linear layers: which of them, their memory, and their values in and out.
// Promises: a fresh adapter changes nothing (B is zero). Refuses targets that the model does not have, and absurd ranks.
import type { Adapter } from '../engine/ops.ts';
import type { DropoutOptions } from '../engine/dropoutOps.ts';
import { type Tensor, createState, freeState, writeTensor } from '../engine/graph.ts';
import type { BlockSpec } from '../formats/architecture.ts';
import type { GpuContext } from '../gpu/context.ts';
import { ModelError } from './modelError.ts';
import { layOut, ParameterArena, type ParameterSpec, segmentLimit } from './parameters.ts';

export interface LoraSettings {
  rank: number;
  /** The product is scaled by alpha / rank. */
  alpha: number;
  /** Names of linear layers, e.g. q_proj, v_proj; `all-linear` takes every one. */
  targets: readonly string[];
  /** Probability that an input of the adapter is left out in training. */
  dropout: number;
}

export interface AdapterPart {
  /** Block that it adds to. */
  block: string;
  /** The weight's name in the file, e.g. model.layers.0.self_attn.q_proj.weight. */
  name: string;
  layout: BlockSpec['parts'][number]['layout'];
  /** First row in the block, rows and columns. */
  row: number;
  rows: number;
  columns: number;
  key: string;
}

/** The linear layers of blocks that the targets name. Throws ModelError for a target that no layer has. */
export function adapterParts(blocks: readonly BlockSpec[], settings: LoraSettings): AdapterPart[] {
  const parts: AdapterPart[] = [];
  const modules = new Set<string>();
  const all = settings.targets.includes('all-linear');
  for (const block of blocks) {
    let row = 0;
    for (const part of block.parts) {
      const columns = block.shape[1] ?? 1;
      const rows = part.shape.reduce((n, s) => n * s, 1) / columns;
      if (part.module && block.shape.length === 2) {
        modules.add(part.module);
        if (all || settings.targets.includes(part.module))
          parts.push({ block: block.key, name: part.name, layout: part.layout, row, rows, columns, key: `${block.key}@${row}` });
      }
      row += rows;
    }
  }
  const unknown = settings.targets.filter((t) => t !== 'all-linear' && !modules.has(t));
  if (unknown.length || parts.length === 0)
    throw new ModelError(
      `LoRA targets ${unknown.join(', ') || '(none)'}: this model has ${[...modules].join(', ')}. Name some of them, or all-linear.`,
    );
  if (!Number.isInteger(settings.rank) || settings.rank < 1 || settings.rank > 1024)
    throw new ModelError(`LoRA rank ${settings.rank}: an integer from 1 to 1024 is needed.`);
  if (!(settings.dropout >= 0 && settings.dropout < 1))
    throw new ModelError(`LoRA dropout ${settings.dropout}: a probability from 0 to below 1 is needed.`);
  return parts;
}

export class Adapters {
  readonly settings: LoraSettings;
  readonly parts: readonly AdapterPart[];
  readonly arena: ParameterArena;
  /** (2) u32: seed and step of the dropout masks. */
  readonly dropoutSeed: Tensor;
  private readonly byBlock = new Map<string, AdapterPart[]>();
  private readonly gpu: GpuContext;

  constructor(gpu: GpuContext, blocks: readonly BlockSpec[], settings: LoraSettings) {
    this.gpu = gpu;
    this.settings = settings;
    this.parts = adapterParts(blocks, settings);
    const { rank } = settings;
    const specs = this.parts.flatMap((p): ParameterSpec[] => [
      { key: `${p.key}.A`, shape: [rank, p.columns], decay: true, cut: false },
      { key: `${p.key}.B`, shape: [p.rows, rank], decay: true, cut: false },
    ]);
    this.arena = new ParameterArena(gpu, 'adapters', layOut(specs, segmentLimit(gpu)));
    try {
      this.dropoutSeed = createState(gpu, 'dropout seed', [2], 'u32');
    } catch (e) {
      this.arena.destroy();
      throw e;
    }
    for (const p of this.parts) this.byBlock.set(p.block, [...(this.byBlock.get(p.block) ?? []), p]);
  }

  get factor(): number {
    return this.settings.alpha / this.settings.rank;
  }

  /** The adapters of a block, for engine/ops.ts; with dropout in training. */
  of(block: string, train: boolean): Adapter[] {
    return (this.byBlock.get(block) ?? []).map((p): Adapter => {
      const drop: DropoutOptions | null =
        train && this.settings.dropout > 0
          ? { probability: this.settings.dropout, seed: this.dropoutSeed, stream: this.parts.indexOf(p) }
          : null;
      return { a: this.arena.one(`${p.key}.A`), b: this.arena.one(`${p.key}.B`), row: p.row, factor: this.factor, dropout: drop };
    });
  }

  /** A uniform as PEFT's Kaiming start (bound 1 / sqrt(columns)), B zero. */
  randomise(uniform: () => number): void {
    this.arena.clear();
    for (const p of this.parts) {
      const bound = 1 / Math.sqrt(p.columns);
      const data = Float32Array.from({ length: this.settings.rank * p.columns }, () => bound * (2 * uniform() - 1));
      writeTensor(this.gpu, this.arena.one(`${p.key}.A`), data);
    }
  }

  destroy(): void {
    this.arena.destroy();
    freeState(this.gpu, this.dropoutSeed);
  }
}
