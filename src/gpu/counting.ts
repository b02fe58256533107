// A GPU that allocates nothing and runs nothing but counts: the very code that will run on the device is run on it first, and what it would have
// allocated is the memory estimate. Limits and what was measured about the device are the real one's.
// Refuses what the real one would refuse by its limits. Reading back from it is a mistake.
import { GpuError, type GpuContext } from './context.ts';

/** Answers every call and property with itself. */
const nothing: unknown = new Proxy(() => nothing, {
  get: (_, key) => (key === 'then' || key === Symbol.toPrimitive ? undefined : nothing),
  apply: () => nothing,
});

export function countingGpu(gpu: GpuContext): GpuContext {
  const sizes = new Map<GPUBuffer, number>();
  let bytes = 0;
  let peak = 0;
  const { limits, features } = gpu.device;
  const device = new Proxy({ limits, features } as Record<string | symbol, unknown>, {
    get: (target, key) => (key in target ? target[key] : nothing),
  }) as unknown as GpuContext['device'];
  return {
    ...gpu,
    device,
    bytesInUse: () => bytes,
    peakBytes: () => peak,
    buffers: () => [...sizes].map(([{ label }, sizeBytes]) => ({ label, sizeBytes })),
    createBuffer(label, sizeBytes) {
      const size = Math.max(16, Math.ceil(sizeBytes / 16) * 16);
      if (size > limits.maxBufferSize)
        throw new GpuError(
          'memory',
          `${label} needs ${size} bytes in one buffer; this adapter allows ${limits.maxBufferSize}. Use a smaller batch or model.`,
        );
      const buffer = { label, size } as GPUBuffer;
      sizes.set(buffer, size);
      bytes += size;
      peak = Math.max(peak, bytes);
      return buffer;
    },
    destroyBuffer(buffer) {
      bytes -= sizes.get(buffer) ?? 0;
      sizes.delete(buffer);
    },
    pipeline: async () => nothing as Awaited<ReturnType<GpuContext['pipeline']>>,
    check: () => undefined,
    lost: new Promise(() => undefined),
    idle: async () => undefined,
    guarded: async (_, make) => make(),
    destroy: () => undefined,
  };
}
