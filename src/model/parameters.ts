// Parameters in flat memory: blocks one after the other in segments that the adapter can bind, weight-decayed ones apart from the rest, the same
// layout for weights, gradients and moments. A table larger than a segment is cut by rows into pieces.
// Refuses (GpuError 'memory') blocks beyond the binding limit that are no table of token rows.
import { type Dtype, type Tensor, createState, elements, freeState, readFloats, viewState, writeTensor } from '../engine/graph.ts';
import { GpuError, type GpuContext } from '../gpu/context.ts';

export interface ParameterSpec {
  key: string;
  shape: readonly number[];
  /** Matrices are decayed, norms and biases are not. */
  decay: boolean;
  /** May be cut by rows (embedding and head). */
  cut: boolean;
}

/** Rows [row, row + tensor.shape[0]) of a parameter. */
export interface Piece {
  row: number;
  tensor: Tensor;
}

interface Place {
  key: string;
  shape: readonly number[];
  row: number;
  segment: number;
  /** In elements. */
  offset: number;
}

export interface ParameterLayout {
  segments: { size: number; decay: boolean }[];
  places: Place[];
  parameters: number;
}

/** Offsets of f16 views must be multiples of 256 bytes, so of 128 elements. */
const ALIGN = 128;
const LARGEST_SEGMENT = 2 ** 28;

/** Elements that one f32 segment may have on this adapter. */
export function segmentLimit(gpu: GpuContext): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
  return Math.floor(Math.min(maxStorageBufferBindingSize / 4, maxBufferSize / 4, LARGEST_SEGMENT) / ALIGN) * ALIGN;
}

/** Where every block lies; `limit` in elements. */
export function layOut(specs: readonly ParameterSpec[], limit: number): ParameterLayout {
  const segments: { size: number; decay: boolean }[] = [];
  const places: Place[] = [];
  let parameters = 0;
  for (const decay of [false, true]) {
    let open = false;
    const place = (key: string, shape: readonly number[], row: number): void => {
      const size = Math.ceil(elements(shape) / ALIGN) * ALIGN;
      let segment = segments.at(-1);
      if (!open || !segment || segment.size + size > limit) {
        segment = { size: 0, decay };
        segments.push(segment);
        open = true;
      }
      places.push({ key, shape, row, segment: segments.length - 1, offset: segment.size });
      segment.size += size;
    };
    for (const spec of specs) {
      if (spec.decay !== decay) continue;
      const count = elements(spec.shape);
      parameters += count;
      if (count <= limit) {
        place(spec.key, spec.shape, 0);
        continue;
      }
      const [rows, columns] = spec.shape as [number, number];
      const most = Math.floor(limit / columns / 64) * 64;
      if (!spec.cut || most < 64)
        throw new GpuError(
          'memory',
          `${spec.key} has ${count} parameters; this adapter binds ${limit} at once, and only embeddings and heads can be cut. Use a smaller model.`,
        );
      for (let row = 0; row < rows; row += most) place(spec.key, [Math.min(most, rows - row), columns], row);
    }
  }
  return { segments, places, parameters };
}

/** One arena of a layout. `only: 'decay'` leaves the segments of norms and biases out (half-precision copies of matrices). */
export class ParameterArena {
  readonly gpu: GpuContext;
  readonly layout: ParameterLayout;
  /** Parallel to layout.segments; null where left out. */
  readonly segments: readonly (Tensor | null)[];
  private readonly pieces = new Map<string, Piece[]>();

  constructor(gpu: GpuContext, label: string, layout: ParameterLayout, dtype: Dtype = 'f32', only?: 'decay') {
    this.gpu = gpu;
    this.layout = layout;
    const made: (Tensor | null)[] = [];
    try {
      layout.segments.forEach(({ size, decay }, i) => {
        made.push(only && !decay ? null : createState(gpu, `${label} ${i}`, [size], dtype));
      });
    } catch (e) {
      for (const t of made) if (t) freeState(gpu, t);
      throw e;
    }
    this.segments = made;
    for (const { key, shape, row, segment, offset } of layout.places) {
      const parent = made[segment];
      if (!parent) continue;
      const list = this.pieces.get(key) ?? [];
      list.push({ row, tensor: viewState(parent, row ? `${key}[${row}]` : key, offset, shape) });
      this.pieces.set(key, list);
    }
  }

  has(key: string): boolean {
    return this.pieces.has(key);
  }
  keys(): string[] {
    return [...this.pieces.keys()];
  }
  piecesOf(key: string): readonly Piece[] {
    const found = this.pieces.get(key);
    if (!found) throw new GpuError('invalid', `No parameter block ${key}.`);
    return found;
  }
  /** The block of a parameter that is never cut. */
  one(key: string): Tensor {
    return (this.piecesOf(key)[0] as Piece).tensor;
  }
  /** Segments that exist. */
  held(): Tensor[] {
    return this.segments.filter((s) => s !== null);
  }

  /** Copies another arena of the same layout on the GPU. */
  copyFrom(other: ParameterArena): void {
    const encoder = this.gpu.device.createCommandEncoder();
    this.segments.forEach((to, i) => {
      const source = other.segments[i];
      if (to && source) encoder.copyBufferToBuffer(source.buffer as GPUBuffer, 0, to.buffer as GPUBuffer, 0, to.sizeBytes);
    });
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  /** The words of every segment, for restore(). */
  async snapshot(): Promise<Float32Array[]> {
    const words: Float32Array[] = [];
    for (const s of this.held()) words.push(await readFloats(this.gpu, s));
    return words;
  }
  restore(words: readonly Float32Array[]): void {
    this.held().forEach((s, i) => {
      writeTensor(this.gpu, s, words[i] as Float32Array);
    });
  }

  clear(): void {
    const encoder = this.gpu.device.createCommandEncoder();
    for (const s of this.held()) encoder.clearBuffer(s.buffer as GPUBuffer);
    this.gpu.device.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const s of this.held()) freeState(this.gpu, s);
  }
}
