// Numbers of files to and from parameters on the GPU: raw F32, F16 or BF16 bytes go up in slices and are converted and put in place there, so
// that the host never holds a second copy; the reverse for export. Bits are exact (integer arithmetic), narrowing rounds to nearest even.
// One slice is under way while the host reads the next. Refuses: slices that overrun the tensor or are cut inside a number (GpuError 'invalid').
import { type GpuContext, GpuError } from '../gpu/context.ts';
import { createState, elements, freeState, Graph, readTensors, type Tensor } from './graph.ts';
import { flatGrid } from './matmul.ts';

export type FileDtype = 'F32' | 'F16' | 'BF16';

/** How the file's tensor lies in the block; `firstElement` is the number of the file's tensor with which the slice begins. */
export type FileLayout =
  | { kind: 'plain' }
  /** The file holds (rows, cols), the block (cols, rows). */
  | { kind: 'transposed'; rows: number; cols: number; firstElement: number }
  /** The file holds rows of `columns` by (head, q | k | v, headDim), the block all q, then all k, then all v. A bias has one column. */
  | { kind: 'headMajorQkv'; heads: number; headDim: number; columns: number; firstElement: number };

const TYPES: Record<FileDtype, { code: number; sizeBytes: number }> = {
  F32: { code: 0, sizeBytes: 4 },
  F16: { code: 1, sizeBytes: 2 },
  BF16: { code: 2, sizeBytes: 2 },
};
const LAYOUTS = { plain: 0, transposed: 1, headMajorQkv: 2 };

/** What goes up or comes down at once; small on CPU adapters, where a conversion of 8 MiB takes too long for one submission. */
export const sliceBytes = (gpu: GpuContext): number => (gpu.software ? 1 : 8) * 2 ** 20;

/** The end of the slice that was last sent, per device. */
const underWay = new WeakMap<GpuContext, Promise<undefined>>();

/**
 * Puts a slice of a file's tensor in its place: block element 0 is element `targetOffset` of target (f32 or f16). For 'plain' the slice begins
 * there; the other layouts say themselves where in the file's tensor it begins. Resolves when it has been sent, not when it is done.
 */
export async function convertInto(
  gpu: GpuContext,
  target: Tensor,
  targetOffset: number,
  bytes: Uint8Array,
  dtype: FileDtype,
  layout: FileLayout,
): Promise<void> {
  const { sizeBytes } = TYPES[dtype];
  const count = bytes.length / sizeBytes;
  if (!Number.isInteger(count))
    throw new GpuError('invalid', `A slice of ${bytes.length} bytes is no whole number of ${dtype} for ${target.label}.`);
  const step = sliceBytes(gpu) / sizeBytes;
  for (let done = 0; done < count; done += step) {
    const n = Math.min(step, count - done);
    await underWay.get(gpu);
    await sendSlice(
      gpu,
      target,
      bytes.subarray(done * sizeBytes, (done + n) * sizeBytes),
      dtype,
      placeOf(target, targetOffset, layout, done, n),
    );
    // a lost device is reported by check()
    underWay.set(
      gpu,
      gpu.device.queue.onSubmittedWorkDone().catch(() => undefined),
    );
  }
  gpu.check();
}

async function sendSlice(gpu: GpuContext, target: Tensor, bytes: Uint8Array, dtype: FileDtype, place: Place): Promise<void> {
  const half = target.dtype === 'f16';
  const at = (place.args.offset + place.args.first) * (half ? 2 : 4);
  if (place.layout === 0 && dtype === (half ? 'F16' : 'F32') && at % 4 === 0 && bytes.length % 4 === 0) {
    gpu.device.queue.writeBuffer(bufferOf(target), target.offset + at, bytes as Uint8Array<ArrayBuffer>);
    return;
  }
  const words = Math.ceil(bytes.length / 4);
  const file = createState(gpu, 'slice of a file', [words], 'u32');
  try {
    const whole = bytes.length % 4 === 0 ? bytes : new Uint8Array(words * 4);
    if (whole !== bytes) whole.set(bytes);
    gpu.device.queue.writeBuffer(bufferOf(file), 0, whole as Uint8Array<ArrayBuffer>);
    await runOnce(gpu, 'load/convert', [file, target], dtype, half, place, place.args.lines * place.args.perLine);
  } finally {
    freeState(gpu, file);
  }
}

/** `count` numbers of a file's tensor, in its dtype and layout, from the block at `sourceOffset` of source (f32 or f16). */
export async function extractFrom(
  gpu: GpuContext,
  source: Tensor,
  sourceOffset: number,
  count: number,
  dtype: FileDtype,
  layout: FileLayout,
): Promise<Uint8Array<ArrayBuffer>> {
  const { sizeBytes } = TYPES[dtype];
  const out = new Uint8Array(count * sizeBytes);
  const step = sliceBytes(gpu) / sizeBytes;
  for (let done = 0; done < count; done += step) {
    const n = Math.min(step, count - done);
    const place = placeOf(source, sourceOffset, layout, done, n);
    const words = Math.ceil((n * sizeBytes) / 4);
    const file = createState(gpu, 'slice of a file', [words], 'u32');
    try {
      await runOnce(
        gpu,
        'load/extract',
        [source, file],
        dtype,
        source.dtype === 'f16',
        { ...place, args: { ...place.args, perLine: words } },
        words,
      );
      const [read] = (await readTensors(gpu, [file])) as [Float32Array];
      out.set(new Uint8Array(read.buffer, read.byteOffset, n * sizeBytes), done * sizeBytes);
    } finally {
      freeState(gpu, file);
    }
  }
  return out;
}

interface Place {
  layout: number;
  args: Record<'count' | 'first' | 'offset' | 'total' | 'rows' | 'cols' | 'heads' | 'headDim' | 'lines' | 'perLine', number>;
}

/** Arguments of the kernels for `count` numbers, the first `done` of which were sent before. */
function placeOf(tensor: Tensor, offset: number, layout: FileLayout, done: number, count: number): Place {
  const half = tensor.dtype === 'f16';
  const perLine = (length: number): number => (half ? Math.floor(length / 2) + 1 : length);
  const code = LAYOUTS[layout.kind];
  let args: Place['args'];
  if (layout.kind === 'plain') {
    args = { count, first: done, offset, total: done + count, rows: 1, cols: 1, heads: 1, headDim: 1, lines: 1, perLine: perLine(count) };
  } else {
    const first = layout.firstElement + done;
    if (layout.kind === 'transposed') {
      const { rows, cols } = layout;
      const length = Math.floor((first + count - 1) / cols) - Math.floor(first / cols) + 1;
      args = { count, first, offset, total: rows * cols, rows, cols, heads: 1, headDim: 1, lines: cols, perLine: perLine(length) };
    } else {
      const { heads, headDim, columns: cols } = layout;
      const rows = 3 * heads * headDim;
      const lines = Math.floor((first + count - 1) / cols) - Math.floor(first / cols) + 1;
      args = { count, first, offset, total: rows * cols, rows, cols, heads, headDim, lines, perLine: perLine(cols) };
    }
  }
  const end = offset + args.total;
  if (args.first + count > args.total || end > elements(tensor.shape))
    throw new GpuError(
      'invalid',
      `Numbers ${args.first} to ${args.first + count} of a block of ${args.total} at ${offset} do not fit ${tensor.label} (${elements(tensor.shape)} elements).`,
    );
  return { layout: code, args };
}

async function runOnce(
  gpu: GpuContext,
  kernel: string,
  tensors: Tensor[],
  dtype: FileDtype,
  half: boolean,
  place: Place,
  threads: number,
): Promise<void> {
  const graph = new Graph(gpu, kernel);
  const overrides = { TYPE: TYPES[dtype].code, LAYOUT: place.layout, HALF: half ? 1 : 0 };
  graph.dispatch(kernel, tensors, { overrides, args: place.args, grid: flatGrid(threads) });
  const plan = await graph.compile();
  try {
    plan.run();
  } finally {
    plan.destroy();
  }
}

function bufferOf(tensor: Tensor): GPUBuffer {
  if (!tensor.buffer) throw new GpuError('invalid', `${tensor.label} has no memory yet.`);
  return tensor.buffer;
}
