// A decoder-only transformer of any supported family on the GPU, built from an Architecture: parameters in flat memory, the forward pass as a traced
// graph (attention left open: training and cached decoding differ in nothing else), and the way to and from the tensors of a file.
// Refuses: missing, surplus or misshapen tensors, all named at once.
import { attention } from '../engine/attention.ts';
import { type Graph, type Tensor, createState, freeState, readFloats, writeTensor } from '../engine/graph.ts';
import { type FileLayout, convertInto, extractFrom } from '../engine/loadOps.ts';
import { activate, gated } from '../engine/mlpOps.ts';
import { headNorm, layerNorm, rmsNorm } from '../engine/normOps.ts';
import { add, embed, type IdOrder, linear, type Weight } from '../engine/ops.ts';
import type { Architecture, BlockSpec, TensorPart, WeightSource } from '../formats/architecture.ts';
import { blocksOf, ignoredTensor } from '../formats/families.ts';
import type { LoraPair } from '../formats/peft.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Adapters, type LoraSettings } from './adapters.ts';
import { ModelError } from './modelError.ts';
import { layOut, ParameterArena, type ParameterLayout, type Piece, segmentLimit } from './parameters.ts';
import { type HostTensor, mergeAdapter } from './tensorParts.ts';

export interface TransformerOptions {
  /**
   * f32; f16: matrices are kept in f16 alone (generation, LoRA); mixed: matrices are read in f16 and updated in f32.
   */
  storage?: 'f32' | 'f16' | 'mixed';
  lora?: LoraSettings | null;
}

/** Rotary table of a layer: (P, rotaryDim / 2, 2) cosines and sines. */
export interface RopeTable {
  table: Tensor;
  rotaryDim: number;
}

/** Graph inputs of R rows. */
export interface RowInputs {
  ids: Tensor;
  positions: Tensor;
  /** Needed for the gradients of the embeddings. */
  order: IdOrder | null;
  positionOrder?: IdOrder | null;
}
/** Graph inputs of B sequences of T tokens; spans as engine/attention.ts reads them. */
export interface SequenceInputs extends RowInputs {
  spans: Tensor;
  pinned: boolean;
  packed: boolean;
}

export interface ForwardOptions {
  /** Recompute each block's activations in the backward pass. */
  checkpoint?: boolean;
  /** Dropout is on. */
  train?: boolean;
}

/** Rotary tables are made for so many positions at most. */
const MOST_POSITIONS = 32_768;
/** Elements of a tensor that are read and converted at once. */
const SLICE = 2 ** 21;

const count = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);

/** Parameters of a model of this architecture. */
export const parameterCount = (a: Architecture): number => blocksOf(a).reduce((n, b) => n + count(b.shape), 0);

export class Transformer {
  readonly gpu: GpuContext;
  readonly architecture: Architecture;
  readonly storage: 'f32' | 'f16' | 'mixed';
  readonly blocks: readonly BlockSpec[];
  readonly layout: ParameterLayout;
  readonly parameterCount: number;
  /** f32: everything (f32, mixed), or what is no matrix (f16). */
  readonly master: ParameterArena;
  /** f16 copies of the matrices (f16, mixed). */
  readonly half: ParameterArena | null;
  readonly adapters: Adapters | null;
  readonly embedding: Weight;
  readonly head: Weight;
  private readonly ropeTables: RopeTable[];

  /** Parameters are zero until load() or randomise(). Throws GpuError('memory') when the adapter cannot hold them; nothing is left then. */
  static async make(gpu: GpuContext, architecture: Architecture, options: TransformerOptions = {}): Promise<Transformer> {
    let made: Transformer | null = null;
    try {
      return await gpu.guarded('the model', () => {
        made = new Transformer(gpu, architecture, options);
        return made;
      });
    } catch (e) {
      (made as Transformer | null)?.destroy();
      throw e;
    }
  }

  private constructor(gpu: GpuContext, architecture: Architecture, options: TransformerOptions = {}) {
    const { storage = 'f32', lora = null } = options;
    this.gpu = gpu;
    this.architecture = architecture;
    this.storage = storage;
    this.blocks = blocksOf(architecture);
    const cut = (key: string): boolean => key === 'embed' || key === 'head';
    const specs = this.blocks.map(({ key, shape }) => ({ key, shape, decay: shape.length === 2, cut: cut(key) }));
    const limit = segmentLimit(gpu);
    this.layout = layOut(specs, limit);
    this.parameterCount = this.layout.parameters;
    const made: { destroy(): void }[] = [];
    const keep = <T extends { destroy(): void }>(thing: T): T => {
      made.push(thing);
      return thing;
    };
    try {
      this.master = keep(
        new ParameterArena(
          gpu,
          'parameters',
          storage === 'f16'
            ? layOut(
                specs.filter((s) => !s.decay),
                limit,
              )
            : this.layout,
        ),
      );
      this.half = storage === 'f32' ? null : keep(new ParameterArena(gpu, 'f16 parameters', this.layout, 'f16', 'decay'));
      this.adapters = lora ? keep(new Adapters(gpu, this.blocks, lora)) : null;
      const P = Math.min(architecture.maxPositions, MOST_POSITIONS);
      const { rotaryDim } = architecture;
      this.ropeTables = architecture.ropes.map((rope, i) => {
        const table = createState(gpu, `rope table ${i}`, [P, rotaryDim / 2, 2]);
        keep({ destroy: () => freeState(gpu, table) });
        const values = new Float32Array(P * rotaryDim);
        for (let p = 0; p < P; p++) {
          for (let d = 0; d < rotaryDim / 2; d++) {
            const angle = p * (rope.inverseFrequencies[d] as number);
            values[p * rotaryDim + 2 * d] = Math.cos(angle) * rope.attentionFactor;
            values[p * rotaryDim + 2 * d + 1] = Math.sin(angle) * rope.attentionFactor;
          }
        }
        writeTensor(gpu, table, values);
        return { table, rotaryDim };
      });
    } catch (e) {
      for (const thing of made) thing.destroy();
      throw e;
    }
    this.embedding = this.weight('embed');
    this.head = architecture.tieEmbeddings ? this.embedding : this.weight('head');
  }

  /** Most positions that a sequence may have. */
  get maxPositions(): number {
    return Math.min(this.architecture.maxPositions, MOST_POSITIONS);
  }

  /** What an optimiser updates: the adapters where there are any, else all parameters. */
  get trainable(): ParameterArena {
    if (this.adapters) return this.adapters.arena;
    if (this.storage === 'f16') throw new ModelError('Weights kept in f16 alone cannot be trained. Use mixed storage, or LoRA.');
    return this.master;
  }

  /** The arena that the forward pass reads a block from. */
  private arenaOf(key: string): ParameterArena {
    return this.half?.has(key) ? this.half : this.master;
  }
  parameter(key: string): Tensor {
    return this.arenaOf(key).one(key);
  }
  private weight(key: string): Weight {
    const { vocabulary: V, hidden: C } = this.architecture;
    return { key, shape: [V, C], pieces: this.arenaOf(key).piecesOf(key) };
  }
  ropeOf(layer: number): RopeTable | null {
    const kind = this.architecture.layerKinds[layer];
    return kind && kind.rope >= 0 ? (this.ropeTables[kind.rope] as RopeTable) : null;
  }
  /** The layer's window narrowed to W (0 = as the layer has it). */
  windowOf(layer: number, W: number): number {
    const own = this.architecture.layerKinds[layer]?.window ?? 0;
    return own > 0 && W > 0 ? Math.min(own, W) : Math.max(own, W);
  }

  /** Gradients of what is trainable go to an arena of the same layout, added where `accumulate`; the rest is frozen. */
  bindGradients(graph: Graph, gradients: ParameterArena, accumulate: boolean): void {
    const { trainable } = this;
    for (const arena of [this.master, this.half]) {
      if (!arena) continue;
      for (const key of arena.keys())
        if (this.adapters || this.arenaOf(key) !== arena) for (const p of arena.piecesOf(key)) graph.freeze(p.tensor);
    }
    for (const key of trainable.keys()) {
      const read = this.adapters ? trainable : this.arenaOf(key);
      const own = read.piecesOf(key);
      gradients.piecesOf(key).forEach(({ tensor }, i) => {
        graph.bindGradient((own[i] as { tensor: Tensor }).tensor, tensor, accumulate);
      });
    }
  }

  /** Final normed hidden states (R, C) of B sequences of T tokens; window W in tokens narrows every layer's, 0 = as the model has it. */
  forward(graph: Graph, inputs: SequenceInputs, B: number, T: number, W: number, options: ForwardOptions = {}): Tensor {
    const { heads: H, kvHeads: K, headDim: D, attentionScale: scale } = this.architecture;
    return this.hidden(
      graph,
      inputs,
      (qkv, layer) => attention(graph, qkv, { B, T, H, K, D, W: this.windowOf(layer, W), scale }, inputs, this.ropeOf(layer)),
      options,
    );
  }

  /** The transformer with attention left open: qkv (R, (H + 2K) D) of a layer in, (R, H D) out. */
  hidden(graph: Graph, inputs: RowInputs, attend: (qkv: Tensor, layer: number) => Tensor, options: ForwardOptions = {}): Tensor {
    const { architecture: a } = this;
    let x = embed(graph, this.embedding, inputs.ids, inputs.order, a.embedScale);
    if (a.learnedPositions) {
      const table = this.parameter('positions');
      const positions: Weight = { key: 'positions', shape: [a.maxPositions, a.hidden], pieces: [{ row: 0, tensor: table }] };
      x = embed(graph, positions, inputs.positions, inputs.positionOrder ?? null, 1, x);
    }
    for (let l = 0; l < a.layers; l++) {
      const block = (y: Tensor): Tensor => this.block(graph, y, l, attend, options.train ?? false);
      x = options.checkpoint ? graph.checkpoint(x, block) : block(x);
    }
    return this.norm(graph, x, 'norm');
  }

  private block(graph: Graph, x: Tensor, l: number, attend: (qkv: Tensor, layer: number) => Tensor, train: boolean): Tensor {
    const { architecture: a } = this;
    const project = (input: Tensor, key: string, residual?: Tensor): Tensor =>
      linear(graph, input, this.parameter(`${l}.${key}`), {
        ...(residual ? { residual } : {}),
        bias: this.arenaOf(`${l}.${key}.bias`).has(`${l}.${key}.bias`) ? this.parameter(`${l}.${key}.bias`) : null,
        adapters: this.adapters?.of(`${l}.${key}`, train) ?? [],
      });
    let qkv = project(this.norm(graph, x, `${l}.norm1`), 'qkv');
    if (a.qkNorm) {
      const { heads: H, kvHeads: K, headDim: D } = a;
      const settings = { H, K, D, eps: a.norm.eps, offset: this.normOffset };
      qkv = headNorm(graph, qkv, this.parameter(`${l}.qNorm`), this.parameter(`${l}.kNorm`), settings);
    }
    const o = attend(qkv, l);
    const mlp = (input: Tensor, residual?: Tensor): Tensor => {
      const up = project(this.norm(graph, input, `${l}.norm2`), 'up');
      const h = a.mlp.gated ? gated(graph, up, a.mlp.activation) : activate(graph, up, a.mlp.activation);
      return project(h, 'down', residual);
    };
    if (a.postNorms) {
      const y = add(graph, x, this.norm(graph, project(o, 'o'), `${l}.postNorm1`));
      return add(graph, y, this.norm(graph, mlp(y), `${l}.postNorm2`));
    }
    const y = project(o, 'o', x);
    return a.parallelResidual ? mlp(x, y) : mlp(y, y);
  }

  private get normOffset(): 0 | 1 {
    return this.architecture.norm.unitOffset ? 1 : 0;
  }
  private norm(graph: Graph, x: Tensor, key: string): Tensor {
    const { kind, eps } = this.architecture.norm;
    const gamma = this.parameter(key);
    if (kind === 'layer') return layerNorm(graph, x, gamma, this.parameter(`${key}.bias`), { eps });
    return rmsNorm(graph, x, gamma, { eps, offset: this.normOffset });
  }

  /** Fills the parameters from a file, slice by slice, converted on the GPU. Throws ModelError naming what does not fit config.json. */
  async load(source: WeightSource): Promise<void> {
    const names = this.match(source);
    for (const block of this.blocks) {
      let row = 0;
      for (const part of block.parts) {
        await this.loadPart(source, names.get(part) as string, block, part, row);
        row += count(part.shape) / (block.shape[1] ?? 1);
      }
    }
  }

  /** The name in the file of every part. */
  private match(source: WeightSource): Map<TensorPart, string> {
    const { tensors } = source;
    const faults: string[] = [];
    const names = new Map<TensorPart, string>();
    const wanted = new Set<string>();
    for (const part of this.blocks.flatMap((b) => b.parts)) {
      const name = [part.name, ...part.aliases].find((n) => tensors.has(n));
      const have = name === undefined ? undefined : tensors.get(name);
      if (name === undefined || !have) faults.push(`${part.name} is missing`);
      else {
        wanted.add(name);
        names.set(part, name);
        if (have.shape.join() !== part.shape.join())
          faults.push(`${name} is [${have.shape.join(', ')}], config.json says [${part.shape.join(', ')}]`);
      }
    }
    for (const name of tensors.keys())
      if (!wanted.has(name) && !ignoredTensor(this.architecture, name)) faults.push(`${name} is not part of this architecture`);
    if (faults.length)
      throw new ModelError(
        `The weights do not fit config.json: ${faults.slice(0, 6).join('; ')}${faults.length > 6 ? `; and ${faults.length - 6} more` : ''}.`,
      );
    return names;
  }

  private async loadPart(source: WeightSource, name: string, block: BlockSpec, part: TensorPart, row: number): Promise<void> {
    const columns = block.shape[1] ?? 1;
    const total = count(part.shape);
    const arenas = this.arenasOf(block.key);
    for (let first = 0; first < total; ) {
      // a slice ends where a piece of a table does
      const pieces = (arenas[0] as ParameterArena).piecesOf(block.key);
      const index = pieces.findLastIndex((p) => p.row * columns <= row * columns + first);
      const piece = pieces[index] as Piece;
      const end = (piece.row + (piece.tensor.shape[0] as number) - row) * columns;
      const length = Math.min(SLICE, Math.min(end, total) - first);
      const { dtype, bytes } = await source.read(name, first, length);
      for (const arena of arenas) {
        const { tensor } = arena.piecesOf(block.key)[index] as Piece;
        const offset = (row - piece.row) * columns;
        const plain = part.layout === 'plain';
        await convertInto(this.gpu, tensor, plain ? offset + first : offset, bytes, dtype, this.fileLayout(part, columns, first));
      }
      first += length;
    }
  }

  private arenasOf(key: string): ParameterArena[] {
    return [this.master, this.half].filter((arena): arena is ParameterArena => arena?.has(key) ?? false);
  }

  /** How a part lies in its block; `columns` of the block, or the rank of an adapter's B. */
  fileLayout(part: Pick<TensorPart, 'layout' | 'shape'>, columns: number, firstElement: number): FileLayout {
    if (part.layout === 'plain') return { kind: 'plain' };
    if (part.layout === 'transposed') {
      const [rows, cols] = part.shape as [number, number];
      return { kind: 'transposed', rows, cols, firstElement };
    }
    const { heads, headDim } = this.architecture;
    return { kind: 'headMajorQkv', heads, headDim, columns, firstElement };
  }

  /** Normal(0, std(block)) matrices, norms that do nothing and zero biases, for models trained from nothing. */
  async randomise(gaussian: () => number, std: (key: string) => number): Promise<void> {
    const norm = 1 - this.normOffset;
    for (const b of this.blocks) {
      const isNorm = /(^|\.)(norm|norm1|norm2|postNorm1|postNorm2|qNorm|kNorm)$/.test(b.key);
      const arenas = this.arenasOf(b.key);
      for (const [i, { tensor }] of (arenas[0] as ParameterArena).piecesOf(b.key).entries()) {
        const total = count(tensor.shape);
        for (let first = 0; first < total; first += SLICE) {
          const data = new Float32Array(Math.min(SLICE, total - first));
          for (let k = 0; k < data.length; k++) data[k] = b.shape.length === 2 ? std(b.key) * gaussian() : isNorm ? norm : 0;
          for (const arena of arenas) {
            const to = (arena.piecesOf(b.key)[i] as Piece).tensor;
            await convertInto(this.gpu, to, first, new Uint8Array(data.buffer), 'F32', { kind: 'plain' });
          }
        }
      }
    }
  }

  /**
   * The parameters as tensors of the file, one at a time; with `merge` the adapters' products are added (what PEFT calls merge_and_unload).
   */
  tensors(options: { merge?: boolean } = {}): HostTensor[] {
    return this.blocks.flatMap((block) => {
      let row = 0;
      return block.parts.map((part): HostTensor => {
        const at = row;
        row += count(part.shape) / (block.shape[1] ?? 1);
        return { name: part.name, shape: part.shape, read: () => this.readPart(block, part, at, options.merge ?? false) };
      });
    });
  }

  private async readPart(block: BlockSpec, part: TensorPart, row: number, merge: boolean): Promise<Float32Array> {
    const columns = block.shape[1] ?? 1;
    const total = count(part.shape);
    const adapter = merge ? this.adapters?.parts.find((p) => p.block === block.key && p.row === row) : undefined;
    const out = new Float32Array(total);
    const layout = this.fileLayout(part, columns, 0);
    for (const piece of (this.arenasOf(block.key)[0] as ParameterArena).piecesOf(block.key)) {
      const lo = Math.max(row, piece.row);
      const hi = Math.min(row + total / columns, piece.row + (piece.tensor.shape[0] as number));
      if (lo >= hi) continue;
      const bytes = await extractFrom(
        this.gpu,
        piece.tensor,
        (lo - piece.row) * columns,
        (hi - lo) * columns,
        'F32',
        adapter ? { kind: 'plain' } : layout,
      );
      out.set(new Float32Array(bytes.buffer), (lo - row) * columns);
    }
    if (!adapter || !this.adapters) return out;
    const { arena, factor, settings } = this.adapters;
    const a = await readFloats(this.gpu, arena.one(`${adapter.key}.A`));
    const b = await readFloats(this.gpu, arena.one(`${adapter.key}.B`));
    mergeAdapter(out, a, b, settings.rank, factor);
    if (part.layout === 'plain') return out;
    // the file's order is made on the GPU alone
    const merged = createState(this.gpu, 'merged', [total]);
    try {
      await convertInto(this.gpu, merged, 0, new Uint8Array(out.buffer), 'F32', { kind: 'plain' });
      return new Float32Array((await extractFrom(this.gpu, merged, 0, total, 'F32', layout)).buffer);
    } finally {
      freeState(this.gpu, merged);
    }
  }

  /** All of tensors() at once, for small models. */
  async readAll(): Promise<NamedTensor[]> {
    const all: NamedTensor[] = [];
    for (const { name, shape, read } of this.tensors()) all.push({ name, shape, data: await read() });
    return all;
  }

  /**
   * Fills the adapters from values by weight name, B's rows in the block's order; layers without any stay as they are. The model must have been
   * made with the same settings.
   */
  async loadAdapter(layers: ReadonlyMap<string, LoraPair>): Promise<void> {
    const { parts, arena } = this.ownAdapters();
    const put = (key: string, x: Float32Array): Promise<void> =>
      convertInto(this.gpu, arena.one(key), 0, new Uint8Array(x.buffer, x.byteOffset, x.byteLength), 'F32', { kind: 'plain' });
    for (const { name, key } of parts) {
      const pair = layers.get(name);
      if (!pair) continue;
      await put(`${key}.A`, pair.a);
      await put(`${key}.B`, pair.b);
    }
  }

  /** The adapters' values by weight name, B's rows in the block's order. */
  async readAdapter(): Promise<Map<string, LoraPair>> {
    const { parts, arena } = this.ownAdapters();
    const layers = new Map<string, LoraPair>();
    for (const { name, key } of parts)
      layers.set(name, { a: await readFloats(this.gpu, arena.one(`${key}.A`)), b: await readFloats(this.gpu, arena.one(`${key}.B`)) });
    return layers;
  }

  private ownAdapters(): Adapters {
    if (!this.adapters) throw new ModelError('This model was made without adapters. Make it with LoRA settings.');
    return this.adapters;
  }

  /** The words of all parameters, for restore() of a model made in the same way. */
  async snapshot(): Promise<Float32Array[][]> {
    const words: Float32Array[][] = [];
    for (const arena of this.arenas()) words.push(await arena.snapshot());
    return words;
  }
  restore(words: readonly (readonly Float32Array[])[]): void {
    this.arenas().forEach((arena, i) => {
      arena.restore(words[i] as readonly Float32Array[]);
    });
  }
  private arenas(): ParameterArena[] {
    return [this.master, this.half, this.adapters?.arena].filter((arena): arena is ParameterArena => Boolean(arena));
  }

  /** Copies another model's parameters on the GPU (same architecture and storage). */
  copyFrom(other: Transformer): void {
    this.master.copyFrom(other.master);
    if (this.half && other.half) this.half.copyFrom(other.half);
    if (this.adapters && other.adapters) this.adapters.arena.copyFrom(other.adapters.arena);
  }

  destroy(): void {
    this.master.destroy();
    this.half?.destroy();
    this.adapters?.destroy();
    for (const { table } of this.ropeTables) freeState(this.gpu, table);
  }
}
