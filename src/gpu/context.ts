// Owns the GPU device: opens it with the adapter's best limits, makes pipelines and buffers, counts bytes, and turns everything that goes
// wrong on the device (validation, out of memory, loss) into one GpuError with a sentence. Nothing else in the project names GPUDevice.
import type { AdapterReport } from '../run/events.ts';
import { kernelSource } from './shaders.ts';

export class GpuError extends Error {
  override name = 'GpuError';
  readonly kind: 'lost' | 'memory' | 'invalid' | 'missing';
  constructor(kind: GpuError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Pipeline {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

export interface GpuContext {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** True on CPU adapters (SwiftShader, llvmpipe): kernels shaped for CPUs are preferred until measured. */
  readonly software: boolean;
  /** What the device has beyond the core of WebGPU. */
  readonly features: ReadonlySet<string>;
  /** Lanes of a subgroup where the device has subgroups and all are of one size, else null. */
  readonly subgroupSize: number | null;
  /** Bytes in live buffers made here. */
  bytesInUse(): number;
  peakBytes(): number;
  /** The live buffers made here. */
  buffers(): { label: string; sizeBytes: number }[];
  createBuffer(label: string, sizeBytes: number, usage: number): GPUBuffer;
  destroyBuffer(buffer: GPUBuffer): void;
  /** Compiles (once) and returns the pipeline of a kernel with these override constants. */
  pipeline(kernel: string, overrides: Record<string, number>): Promise<Pipeline>;
  /** Throws the first error that the device has reported since the last check. */
  check(): void;
  /** Resolves when the device is lost, with the reason. */
  readonly lost: Promise<GpuError>;
  /** Waits until everything submitted is done. */
  idle(): Promise<void>;
  /** Runs `make` and throws GpuError('memory' | 'invalid') if the device refused anything in it. */
  guarded<T>(what: string, make: () => T | Promise<T>): Promise<T>;
  destroy(): void;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

export function reportAdapter(adapter: GPUAdapter): AdapterReport {
  const info = adapter.info;
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description || info.device,
    software: SOFTWARE.test(text) || (info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true,
    features: [...adapter.features].sort(),
  };
}

export interface OpenOptions {
  /** Opens with WebGPU's default limits and no features, as on the least adapter there may be. */
  minimum?: true;
  /** Faults: the n-th buffer made here (from 1) fails as it does when memory is out. */
  failAllocation?: (n: number) => boolean;
}

/** Taken where the adapter has them; every kernel that needs one has a twin that does not. */
const FEATURES = ['timestamp-query', 'subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix'];
/** Feature that an `enable` directive of WGSL stands for. */
const FEATURE_OF_ENABLE: Record<string, string> = {
  f16: 'shader-f16',
  subgroups: 'subgroups',
  chromium_experimental_subgroup_matrix: 'chromium-experimental-subgroup-matrix',
};
/** Raised to what the adapter has. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const;

/** Opens a device on the adapter. Throws GpuError('missing') when the device is refused. */
export async function openGpu(adapter: GPUAdapter, options: OpenOptions = {}): Promise<GpuContext> {
  const report = reportAdapter(adapter);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice(
      options.minimum
        ? {}
        : {
            requiredFeatures: FEATURES.filter((f) => adapter.features.has(f)) as GPUFeatureName[],
            requiredLimits: {
              ...Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
              maxStorageBuffersPerShaderStage: Math.min(adapter.limits.maxStorageBuffersPerShaderStage, 10),
            },
          },
    );
  } catch (e) {
    throw new GpuError(
      'missing',
      `The GPU adapter gave no device (${(e as Error).message}). Close other tabs that use the GPU and try again.`,
    );
  }

  const features: ReadonlySet<string> = new Set(device.features);
  const { subgroupMinSize, subgroupMaxSize } = adapter.info;
  let bytes = 0;
  let peak = 0;
  let allocations = 0;
  let pending: GpuError | null = null;
  let closing = false;
  const sizes = new Map<GPUBuffer, number>();
  const pipelines = new Map<string, Promise<Pipeline>>();
  const lost = device.lost.then((info) => {
    const error = new GpuError(
      'lost',
      `The GPU device was lost (${info.reason ?? 'unknown'}: ${info.message || 'no message'}). Reload the page to go on; the log is kept.`,
    );
    if (!closing) pending ??= error;
    return error;
  });
  device.addEventListener('uncapturederror', (e) => {
    const error = (e as GPUUncapturedErrorEvent).error;
    const memory = error instanceof GPUOutOfMemoryError;
    pending ??= new GpuError(
      memory ? 'memory' : 'invalid',
      memory ? 'The GPU is out of memory. Use a smaller batch or a shorter context.' : error.message,
    );
  });

  const context: GpuContext = {
    device,
    report,
    software: report.software,
    features,
    subgroupSize: features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : null,
    lost,
    bytesInUse: () => bytes,
    peakBytes: () => peak,
    buffers: () => [...sizes].map(([{ label }, sizeBytes]) => ({ label, sizeBytes })),
    createBuffer(label, sizeBytes, usage) {
      const size = Math.max(16, Math.ceil(sizeBytes / 16) * 16);
      if (size > device.limits.maxBufferSize)
        throw new GpuError(
          'memory',
          `${label} needs ${size} bytes in one buffer; this adapter allows ${device.limits.maxBufferSize}. Use a smaller batch or model.`,
        );
      allocations++;
      if (options.failAllocation?.(allocations)) throw new GpuError('memory', outOfMemory(label));
      const buffer = device.createBuffer({ label, size, usage });
      sizes.set(buffer, size);
      bytes += size;
      peak = Math.max(peak, bytes);
      return buffer;
    },
    destroyBuffer(buffer) {
      const size = sizes.get(buffer);
      if (size === undefined) return;
      sizes.delete(buffer);
      bytes -= size;
      buffer.destroy();
    },
    pipeline(kernel, overrides) {
      const key = `${kernel} ${JSON.stringify(overrides)}`;
      let made = pipelines.get(key);
      if (!made) {
        made = compile(device, kernel, overrides);
        pipelines.set(key, made);
      }
      return made;
    },
    check() {
      if (pending) {
        const error = pending;
        if (error.kind !== 'lost') pending = null;
        throw error;
      }
    },
    async idle() {
      await device.queue.onSubmittedWorkDone();
      context.check();
    },
    async guarded(what, make) {
      device.pushErrorScope('out-of-memory');
      device.pushErrorScope('validation');
      let value: Awaited<ReturnType<typeof make>>;
      let thrown: unknown = null;
      try {
        value = await make();
      } catch (e) {
        thrown = e;
      }
      const invalid = await device.popErrorScope();
      const memory = await device.popErrorScope();
      if (memory) throw new GpuError('memory', outOfMemory(what));
      if (thrown) throw thrown;
      if (invalid) throw new GpuError('invalid', `${what}: ${invalid.message}`);
      return value!;
    },
    destroy() {
      closing = true;
      for (const buffer of sizes.keys()) buffer.destroy();
      sizes.clear();
      bytes = 0;
      device.destroy();
    },
  };
  return context;
}

const outOfMemory = (what: string): string =>
  `The GPU is out of memory while making ${what}. Use a smaller batch, a shorter context or a smaller model.`;

async function compile(device: GPUDevice, kernel: string, overrides: Record<string, number>): Promise<Pipeline> {
  const source = kernelSource(kernel);
  for (const enable of source.enables) {
    const feature = FEATURE_OF_ENABLE[enable] ?? enable;
    if (!device.features.has(feature))
      throw new GpuError(
        'missing',
        `Kernel ${kernel} needs the feature ${feature}, which this device does not have. Use its twin without it.`,
      );
  }
  for (const name of Object.keys(overrides))
    if (!source.overrides.includes(name)) throw new GpuError('invalid', `Kernel ${kernel} has no override ${name}.`);
  const module = device.createShaderModule({ label: kernel, code: source.code });
  const entries: GPUBindGroupLayoutEntry[] = source.bindings.map((_, i) => ({
    binding: i + 1,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: 'storage' },
  }));
  if (source.args.length) entries.unshift({ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } });
  const layout = device.createBindGroupLayout({ label: kernel, entries });
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: kernel,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main', constants: overrides },
    });
    return { pipeline, layout };
  } catch (e) {
    const info = await module.getCompilationInfo();
    const lines = source.code.split('\n');
    const text = info.messages
      .filter((m) => m.type === 'error')
      .slice(0, 3)
      .map((m) => `line ${m.lineNum}: ${m.message}\n    ${lines[m.lineNum - 1] ?? ''}`)
      .join('\n');
    throw new GpuError('invalid', `Kernel ${kernel} does not compile: ${text || (e as Error).message}`);
  }
}
