// A step as data: trace once, plan memory, replay. A Graph records dispatches over tensors; compile() plans every temporary into one arena
// by liveness, fixes all bind groups and argument blocks, and returns a Plan whose run() re-encodes the whole list into one pass per
// submission, with submissions bounded in estimated time. Gradients: the first writer of a gradient overwrites, later ones add.
// Checkpoints recompute a block's activations in the backward pass instead of keeping them. What is frozen gets no gradient.
// Refuses: tensors that exceed the adapter's binding limit (GpuError 'memory').
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { kernelSource } from '../gpu/shaders.ts';
import { DISPATCH_COST, pacerOf } from './pacer.ts';

/** f16 is for weights alone: two to a word, element 2i in the low half, read with unpack2x16float (no adapter feature is needed). */
export type Dtype = 'f32' | 'u32' | 'i32' | 'f16';

/** A typed block of GPU memory. `view` tensors alias a range of another. */
export interface Tensor {
  id: number;
  label: string;
  shape: readonly number[];
  dtype: Dtype;
  sizeBytes: number;
  kind: 'state' | 'temp' | 'view';
  /** For state tensors the buffer; for temps set at compile. */
  buffer: GPUBuffer | null;
  offset: number;
  parent: Tensor | null;
}

export interface Dispatch {
  kernel: string;
  overrides: Record<string, number>;
  args: Record<string, number>;
  tensors: Tensor[];
  grid: [number, number, number];
  /** Estimated arithmetic, multiply-add = 2. */
  flops: number;
  /** Bytes of all that is bound: each byte moved once. */
  bytes: number;
  /** flops + bytes + a constant: what submissions are cut by. */
  cost: number;
}

export interface DispatchOptions {
  overrides?: Record<string, number>;
  args?: Record<string, number>;
  grid: number | [number, number] | [number, number, number];
  /** Estimated arithmetic, multiply-add = 2. */
  cost?: number;
}

const ALIGN = 256;
let nextId = 1;

export function elements(shape: readonly number[]): number {
  let n = 1;
  for (const s of shape) n *= s;
  return n;
}

const bytesOf = (shape: readonly number[], dtype: Dtype): number =>
  Math.max(4, dtype === 'f16' ? Math.ceil(elements(shape) / 2) * 4 : elements(shape) * 4);

/** A tensor with its own zeroed buffer, readable and writable by the host; lives until freeState. */
export function createState(gpu: GpuContext, label: string, shape: readonly number[], dtype: Dtype = 'f32'): Tensor {
  const sizeBytes = bytesOf(shape, dtype);
  const buffer = gpu.createBuffer(label, sizeBytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC);
  return { id: nextId++, label, shape, dtype, sizeBytes, kind: 'state', buffer, offset: 0, parent: null };
}

/** A tensor over elements [offset, offset + size) of a state tensor; the offset must be a multiple of 64 elements (f16: 128). */
export function viewState(parent: Tensor, label: string, offsetElements: number, shape: readonly number[]): Tensor {
  const offset = parent.offset + offsetElements * (parent.dtype === 'f16' ? 2 : 4);
  if (offset % ALIGN !== 0) throw new GpuError('invalid', `View ${label} at byte ${offset} is not aligned to ${ALIGN}.`);
  return {
    id: nextId++,
    label,
    shape,
    dtype: parent.dtype,
    sizeBytes: bytesOf(shape, parent.dtype),
    kind: 'view',
    buffer: parent.buffer,
    offset,
    parent,
  };
}

export function freeState(gpu: GpuContext, tensor: Tensor): void {
  if (tensor.buffer) gpu.destroyBuffer(tensor.buffer);
  tensor.buffer = null;
}

export function writeTensor(gpu: GpuContext, tensor: Tensor, data: Float32Array | Uint32Array | Int32Array, elementOffset = 0): void {
  if (!tensor.buffer) throw new GpuError('invalid', `${tensor.label} has no memory yet.`);
  if ((elementOffset + data.length) * 4 > tensor.sizeBytes)
    throw new GpuError(
      'invalid',
      `Writing ${data.length} elements at ${elementOffset} overruns ${tensor.label} (${tensor.sizeBytes / 4}).`,
    );
  gpu.device.queue.writeBuffer(tensor.buffer, tensor.offset + elementOffset * 4, data as Float32Array<ArrayBuffer>);
}

/** Reads several tensors with one copy and one wait. */
export async function readTensors(gpu: GpuContext, tensors: readonly Tensor[]): Promise<Float32Array[]> {
  const total = tensors.reduce((n, t) => n + t.sizeBytes, 0);
  const staging = gpu.createBuffer('readback', total, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  try {
    const encoder = gpu.device.createCommandEncoder();
    let at = 0;
    for (const t of tensors) {
      if (!t.buffer) throw new GpuError('invalid', `${t.label} has no memory yet.`);
      encoder.copyBufferToBuffer(t.buffer, t.offset, staging, at, t.sizeBytes);
      at += t.sizeBytes;
    }
    gpu.device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (e) {
      gpu.check();
      throw new GpuError('lost', `Reading back from the GPU failed: ${(e as Error).message}`);
    }
    gpu.check();
    const all = staging.getMappedRange().slice(0);
    at = 0;
    return tensors.map((t) => {
      const part = new Float32Array(all, at, t.sizeBytes / 4);
      at += t.sizeBytes;
      return part;
    });
  } finally {
    gpu.destroyBuffer(staging);
  }
}

export async function readFloats(gpu: GpuContext, tensor: Tensor): Promise<Float32Array> {
  return (await readTensors(gpu, [tensor]))[0] as Float32Array;
}
export const asUints = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer, data.byteOffset, data.length);

export class Graph {
  readonly gpu: GpuContext;
  readonly label: string;
  readonly dispatches: Dispatch[] = [];
  private readonly temps: Tensor[] = [];
  private readonly owned: Tensor[] = [];
  private readonly kept = new Set<number>();
  private tape: (() => void)[] = [];
  private readonly gradients = new Map<number, { tensor: Tensor; written: boolean }>();
  private readonly frozenIds = new Set<number>();
  private dummyTensor: Tensor | null = null;

  constructor(gpu: GpuContext, label: string) {
    this.gpu = gpu;
    this.label = label;
  }

  /** A host-written (or host-read) tensor that this graph owns. */
  input(label: string, shape: readonly number[], dtype: Dtype = 'f32'): Tensor {
    const t = createState(this.gpu, `${this.label}/${label}`, shape, dtype);
    this.owned.push(t);
    return t;
  }

  /** A temporary, planned by liveness. */
  temp(label: string, shape: readonly number[], dtype: Dtype = 'f32'): Tensor {
    const t: Tensor = {
      id: nextId++,
      label,
      shape,
      dtype,
      sizeBytes: bytesOf(shape, dtype),
      kind: 'temp',
      buffer: null,
      offset: 0,
      parent: null,
    };
    this.temps.push(t);
    return t;
  }

  /** Keeps a temporary's memory to itself to the end, so that the host may read it after run(). */
  keep(t: Tensor): Tensor {
    this.kept.add(t.id);
    return t;
  }

  /** Bound where a kernel's optional input is absent. */
  dummy(): Tensor {
    this.dummyTensor ??= this.input('absent', [4]);
    return this.dummyTensor;
  }

  dispatch(kernel: string, tensors: Tensor[], options: DispatchOptions): void {
    const source = kernelSource(kernel);
    if (tensors.length !== source.bindings.length)
      throw new GpuError('invalid', `${kernel} binds ${source.bindings.join(', ')}; ${tensors.length} tensors given.`);
    for (const field of source.args)
      if (options.args?.[field.name] === undefined) throw new GpuError('invalid', `${kernel}: argument ${field.name} is missing.`);
    const g = typeof options.grid === 'number' ? [options.grid] : options.grid;
    const grid: [number, number, number] = [g[0] ?? 1, g[1] ?? 1, g[2] ?? 1];
    if (grid.some((n) => n === 0)) return;
    const limit = this.gpu.device.limits.maxComputeWorkgroupsPerDimension;
    if (grid.some((n) => n > limit))
      throw new GpuError('invalid', `${kernel}: grid ${grid.join(' x ')} exceeds ${limit} workgroups in one dimension.`);
    const bytes = tensors.reduce((n, t) => n + t.sizeBytes, 0);
    this.dispatches.push({
      kernel,
      overrides: options.overrides ?? {},
      args: options.args ?? {},
      tensors,
      grid,
      flops: options.cost ?? 0,
      bytes,
      cost: (options.cost ?? 0) + bytes + DISPATCH_COST,
    });
  }

  /** Registers what the backward pass must emit for an op; run in reverse by backward(). */
  onBackward(emit: () => void): void {
    this.tape.push(emit);
  }
  backward(): void {
    const { tape } = this;
    this.tape = [];
    for (let i = tape.length - 1; i >= 0; i--) (tape[i] as () => void)();
  }

  /**
   * y = block(x) whose activations are not kept: the backward pass runs the block again and then backward through it. The block must emit the
   * same dispatches both times and read nothing that changes in between but x and parameters.
   */
  checkpoint(x: Tensor, block: (x: Tensor) => Tensor): Tensor {
    const outer = this.tape;
    this.tape = [];
    const y = block(x);
    this.tape = outer;
    this.onBackward(() => {
      const rest = this.tape;
      this.tape = [];
      const again = block(x);
      this.shareGradient(again, y);
      this.backward();
      this.tape = rest;
    });
    return y;
  }

  /** Frozen tensors get no gradient. An op freezes its output when all its inputs are frozen. */
  freeze(t: Tensor): void {
    this.frozenIds.add(t.id);
  }
  frozen(t: Tensor): boolean {
    return this.frozenIds.has(t.id);
  }

  /** Declares where the gradient of x is to be stored (parameters). The first writer overwrites, unless `add` says that there is something to add to. */
  bindGradient(x: Tensor, gradient: Tensor, add = false): void {
    this.gradients.set(x.id, { tensor: gradient, written: add });
  }
  /** The gradient of x for a writer: `accumulate` says whether it must add. Made on first demand. */
  gradientFor(x: Tensor): { tensor: Tensor; accumulate: boolean } {
    let entry = this.gradients.get(x.id);
    if (!entry) {
      entry = { tensor: this.temp(`d(${x.label})`, x.shape), written: false };
      this.gradients.set(x.id, entry);
    }
    const accumulate = entry.written;
    entry.written = true;
    return { tensor: entry.tensor, accumulate };
  }
  /** The finished gradient of x for a reader. */
  gradientOf(x: Tensor): Tensor {
    const entry = this.gradients.get(x.id);
    if (!entry?.written) throw new GpuError('invalid', `No gradient has reached ${x.label}.`);
    return entry.tensor;
  }
  /**
   * A residual connection: x's gradient starts as y's (same memory), or y's is added to what x has. y must have no later reader of its gradient
   * as its own.
   */
  shareGradient(x: Tensor, y: Tensor): void {
    if (this.frozen(x)) return;
    const dy = this.gradientOf(y);
    const has = this.gradients.get(x.id);
    if (!has) this.gradients.set(x.id, { tensor: dy, written: true });
    else {
      const N = elements(x.shape);
      const grid: [number, number] = [Math.min(65535, Math.ceil(N / 64)), Math.ceil(N / 64 / 65535)];
      this.dispatch('linear/reduce_parts', [dy, has.tensor], { args: { P: 1, N, accumulate: has.written ? 1 : 0 }, grid });
      has.written = true;
    }
  }

  /** Plans memory, makes pipelines and bind groups. The graph is not to be extended afterwards. Frees all that it made when it fails. */
  async compile(): Promise<Plan> {
    const { gpu } = this;
    const made: GPUBuffer[] = [];
    try {
      const limit = gpu.device.limits;
      const offsets = planOffsets(this.dispatches, this.temps, this.kept, Math.min(limit.maxBufferSize, 0xffffff00));
      const pipelines = await Promise.all(this.dispatches.map((d) => gpu.pipeline(d.kernel, d.overrides)));
      return await gpu.guarded(this.label, () => {
        offsets.totals.forEach((size, i) => {
          const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
          made.push(gpu.createBuffer(`${this.label}/arena ${i}`, size, usage));
        });
        for (const t of this.temps) {
          const place = offsets.of.get(t.id);
          t.buffer = place ? (made[place.bin] as GPUBuffer) : null;
          t.offset = place?.offset ?? 0;
        }
        const arenas = [...made];
        const { buffer: uniforms, offsets: at } = packArgs(gpu, this.label, this.dispatches);
        made.push(uniforms);
        const steps = this.dispatches.map((d, i) => {
          const { pipeline, layout } = pipelines[i] as { pipeline: GPUComputePipeline; layout: GPUBindGroupLayout };
          const entries: GPUBindGroupEntry[] = d.tensors.map((t, b) => {
            if (t.sizeBytes > limit.maxStorageBufferBindingSize)
              throw new GpuError(
                'memory',
                `${t.label} of ${this.label} is ${t.sizeBytes} bytes; this adapter binds at most ${limit.maxStorageBufferBindingSize}. Use a smaller batch or model.`,
              );
            return {
              binding: b + 1,
              resource: { buffer: t.buffer as GPUBuffer, offset: t.offset, size: Math.ceil(t.sizeBytes / 16) * 16 },
            };
          });
          const slot = at[i] as { offset: number; size: number } | null;
          if (slot) entries.unshift({ binding: 0, resource: { buffer: uniforms, offset: slot.offset, size: slot.size } });
          return { pipeline, group: gpu.device.createBindGroup({ label: d.kernel, layout, entries }), grid: d.grid, cost: d.cost };
        });
        return new Plan(gpu, this.label, steps, this.dispatches, arenas, uniforms, this.owned);
      });
    } catch (e) {
      for (const buffer of made) gpu.destroyBuffer(buffer);
      this.free();
      throw e;
    }
  }

  /** Frees the inputs of a graph that will not be compiled. */
  free(): void {
    for (const t of this.owned) freeState(this.gpu, t);
  }
}

/** Traces and compiles; whatever goes wrong on the way, nothing stays allocated. */
export async function tracePlan<T>(gpu: GpuContext, label: string, trace: (graph: Graph) => T): Promise<{ plan: Plan; value: T }> {
  const graph = new Graph(gpu, label);
  let value: T;
  try {
    value = await gpu.guarded(label, () => trace(graph));
  } catch (e) {
    graph.free();
    throw e;
  }
  return { plan: await graph.compile(), value };
}

/** A dispatch as it is encoded. */
export interface Step {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  grid: [number, number, number];
  cost: number;
}

/** A compiled list of dispatches. */
export class Plan {
  readonly gpu: GpuContext;
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly arenaBytes: number;
  /** Parallel to `dispatches`. */
  readonly steps: readonly Step[];
  private readonly arenas: readonly GPUBuffer[];
  private readonly uniforms: GPUBuffer;
  private readonly owned: Tensor[];
  readonly cost: number;

  constructor(
    gpu: GpuContext,
    label: string,
    steps: Step[],
    dispatches: Dispatch[],
    arenas: GPUBuffer[],
    uniforms: GPUBuffer,
    owned: Tensor[],
  ) {
    this.gpu = gpu;
    this.label = label;
    this.steps = steps;
    this.dispatches = dispatches;
    this.arenas = arenas;
    this.arenaBytes = arenas.reduce((n, a) => n + a.size, 0);
    this.uniforms = uniforms;
    this.owned = owned;
    this.cost = steps.reduce((n, s) => n + s.cost, 0);
  }

  /** Submits the whole list `times` times in order, cut into short submissions; does not wait. */
  run(times = 1): void {
    this.gpu.check();
    const { device } = this.gpu;
    const pacer = pacerOf(this.gpu);
    const budget = pacer.budget();
    let encoder = device.createCommandEncoder({ label: this.label });
    let pass = encoder.beginComputePass();
    let cost = 0;
    const submit = (): void => {
      pass.end();
      device.queue.submit([encoder.finish()]);
      pacer.submitted(this.gpu, cost);
    };
    for (let n = 0; n < times; n++) {
      for (const step of this.steps) {
        if (cost > 0 && cost + step.cost > budget) {
          submit();
          encoder = device.createCommandEncoder({ label: this.label });
          pass = encoder.beginComputePass();
          cost = 0;
        }
        pass.setPipeline(step.pipeline);
        pass.setBindGroup(0, step.group);
        pass.dispatchWorkgroups(...step.grid);
        cost += step.cost;
      }
    }
    submit();
  }

  /** Runs on an idle device, waits, and returns the time taken in ms. */
  async runTimed(times = 1): Promise<number> {
    await this.gpu.idle();
    const t0 = performance.now();
    this.run(times);
    await this.gpu.idle();
    return performance.now() - t0;
  }

  destroy(): void {
    for (const arena of this.arenas) this.gpu.destroyBuffer(arena);
    this.gpu.destroyBuffer(this.uniforms);
    for (const t of this.owned) freeState(this.gpu, t);
  }
}

/**
 * Greedy by size: the largest tensors first, each at the lowest offset that no tensor alive at the same time covers, in the first buffer of at
 * most `capacity` bytes where it fits.
 */
export function planOffsets(
  dispatches: readonly Dispatch[],
  temps: readonly Tensor[],
  kept: ReadonlySet<number>,
  capacity = Infinity,
): { of: Map<number, { bin: number; offset: number }>; totals: number[] } {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  dispatches.forEach((d, i) => {
    for (const t of d.tensors) {
      if (t.kind !== 'temp') continue;
      if (!first.has(t.id)) first.set(t.id, i);
      last.set(t.id, i);
    }
  });
  for (const id of kept) {
    first.set(id, 0);
    last.set(id, dispatches.length);
  }
  const order = temps.filter((t) => first.has(t.id)).sort((a, b) => b.sizeBytes - a.sizeBytes || a.id - b.id);
  const bins: { lo: number; hi: number; begin: number; end: number }[][] = [];
  const of = new Map<number, { bin: number; offset: number }>();
  const totals: number[] = [];
  for (const t of order) {
    const begin = first.get(t.id) as number;
    const end = last.get(t.id) as number;
    const size = Math.ceil(t.sizeBytes / ALIGN) * ALIGN;
    if (size > capacity)
      throw new GpuError('memory', `${t.label} needs ${size} bytes in one buffer; this adapter allows ${capacity}. Use a smaller batch.`);
    for (let bin = 0; ; bin++) {
      bins[bin] ??= [];
      const placed = bins[bin] as { lo: number; hi: number; begin: number; end: number }[];
      const busy = placed.filter((p) => p.begin <= end && begin <= p.end).sort((a, b) => a.lo - b.lo);
      let offset = 0;
      for (const p of busy) {
        if (offset + size <= p.lo) break;
        offset = Math.max(offset, p.hi);
      }
      if (offset + size > capacity) continue;
      of.set(t.id, { bin, offset });
      placed.push({ lo: offset, hi: offset + size, begin, end });
      totals[bin] = Math.max(totals[bin] ?? 0, offset + size);
      break;
    }
  }
  return { of, totals };
}

function packArgs(
  gpu: GpuContext,
  label: string,
  dispatches: readonly Dispatch[],
): { buffer: GPUBuffer; offsets: ({ offset: number; size: number } | null)[] } {
  const unique = new Map<string, { offset: number; size: number }>();
  const blocks: { offset: number; bytes: ArrayBuffer }[] = [];
  let at = 0;
  const offsets = dispatches.map((d) => {
    const { args } = kernelSource(d.kernel);
    if (args.length === 0) return null;
    const bytes = new ArrayBuffer(Math.ceil(args.length / 4) * 16);
    const view = new DataView(bytes);
    args.forEach((f, i) => {
      const value = d.args[f.name] as number;
      if (f.type === 'f32') view.setFloat32(i * 4, value, true);
      else if (f.type === 'i32') view.setInt32(i * 4, value, true);
      else view.setUint32(i * 4, value, true);
    });
    const key = new Uint32Array(bytes).join(',');
    let slot = unique.get(key);
    if (!slot) {
      slot = { offset: at, size: bytes.byteLength };
      unique.set(key, slot);
      blocks.push({ offset: at, bytes });
      at += Math.ceil(bytes.byteLength / ALIGN) * ALIGN;
    }
    return slot;
  });
  const buffer = gpu.createBuffer(`${label}/args`, Math.max(at, 16), GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  for (const b of blocks) gpu.device.queue.writeBuffer(buffer, b.offset, b.bytes);
  return { buffer, offsets };
}
