// One dispatch of one kernel on host data, its bindings by the names that the kernel gives them; what every kernel case is made of.
// Promises that all memory is freed again. Refuses bindings that the kernel does not have or that are left out.
import { createState, freeState, Graph, readTensors, type Tensor, writeTensor } from '../../../src/engine/graph.ts';
import type { GpuContext } from '../../../src/gpu/context.ts';
import { kernelSource } from '../../../src/gpu/shaders.ts';
import { makeRng } from '../../../src/tasks/rng.ts';

/** Float64Array is uploaded as f32. */
export type HostArray = Float64Array | Float32Array | Uint32Array;

export interface KernelRun {
  bindings: Record<string, HostArray>;
  args?: Record<string, number>;
  overrides?: Record<string, number>;
  grid: number | [number, number] | [number, number, number];
}

/** What a binding holds afterwards: the same bits as f32 and as u32. */
export interface Held {
  floats: Float32Array;
  words: Uint32Array;
}

const held = (floats: Float32Array): Held => ({ floats, words: new Uint32Array(floats.buffer, floats.byteOffset, floats.length) });

/** A state tensor with these contents. */
export function upload(gpu: GpuContext, label: string, data: HostArray, shape: readonly number[] = [data.length]): Tensor {
  const tensor = createState(gpu, label, shape, data instanceof Uint32Array ? 'u32' : 'f32');
  if (data.length > 0) writeTensor(gpu, tensor, data instanceof Float64Array ? Float32Array.from(data) : data);
  return tensor;
}

export async function download(gpu: GpuContext, tensors: readonly Tensor[]): Promise<Held[]> {
  return (await readTensors(gpu, tensors)).map(held);
}

/** Runs the kernel once and returns every binding's contents after it. */
export async function runKernel(gpu: GpuContext, kernel: string, run: KernelRun): Promise<Record<string, Held>> {
  const names = kernelSource(kernel).bindings;
  const surplus = Object.keys(run.bindings).filter((name) => !names.includes(name));
  const missing = names.filter((name) => !run.bindings[name]);
  if (surplus.length + missing.length > 0) throw new Error(`${kernel} binds ${names}; surplus: ${surplus}, missing: ${missing}.`);
  const tensors = names.map((name) => upload(gpu, name, run.bindings[name]!));
  const graph = new Graph(gpu, kernel);
  graph.dispatch(kernel, tensors, { args: run.args ?? {}, overrides: run.overrides ?? {}, grid: run.grid });
  const plan = await graph.compile();
  try {
    plan.run();
    const contents = await download(gpu, tensors);
    return Object.fromEntries(names.map((name, i) => [name, contents[i]!]));
  } finally {
    plan.destroy();
    for (const tensor of tensors) freeState(gpu, tensor);
  }
}

/** Values in (-scale, scale) that f32 holds exactly, the same for the same seed. */
export function randomFloats(length: number, seed: number, scale = 1): Float64Array {
  const rng = makeRng(seed, 0);
  return Float64Array.from({ length }, () => Math.fround(scale * (2 * rng.uniform() - 1)));
}

/** Integers in [0, n), the same for the same seed. */
export function randomIds(length: number, n: number, seed: number): Uint32Array {
  const rng = makeRng(seed, 1);
  return Uint32Array.from({ length }, () => rng.int(n));
}

/** What outputs hold before a kernel writes them: a value that no formula gives. */
export const UNTOUCHED = -12345;
export const untouched = (length: number): Float64Array => new Float64Array(length).fill(UNTOUCHED);

/** x (R, C) with rows ld apart; the gap holds `gap`. */
export function strided(x: ArrayLike<number>, R: number, C: number, ld: number, gap = 0): Float64Array {
  const out = new Float64Array(R * ld).fill(gap);
  for (let r = 0; r < R; r++) for (let c = 0; c < C; c++) out[r * ld + c] = x[r * C + c]!;
  return out;
}

/** Workgroups of a kernel that gives each row LANES of its 64 threads. */
export const rowGroups = (rows: number, lanes: number): number => Math.ceil((rows * lanes) / 64);
