// Bytes of live GPU buffers per device, counted the same way for every library: createBuffer and destroy are wrapped before any device is
// opened. A buffer that is dropped without destroy() stays counted, as it stays allocated until the browser collects it.
interface Count {
  live: number;
  peak: number;
}

const counts = new WeakMap<GPUDevice, Count>();
const owners = new WeakMap<GPUBuffer, { count: Count; sizeBytes: number }>();

function countOf(device: GPUDevice): Count {
  let count = counts.get(device);
  if (!count) {
    count = { live: 0, peak: 0 };
    counts.set(device, count);
  }
  return count;
}

export function countBuffers(): void {
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = createBuffer.call(this, descriptor);
    const count = countOf(this);
    owners.set(buffer, { count, sizeBytes: buffer.size });
    count.live += buffer.size;
    count.peak = Math.max(count.peak, count.live);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function (this: GPUBuffer): undefined {
    const owner = owners.get(this);
    if (owner) {
      owner.count.live -= owner.sizeBytes;
      owners.delete(this);
    }
    destroy.call(this);
  };
}

/** Starts the peak anew from what is live now. */
export function restartPeak(device: GPUDevice): void {
  const count = countOf(device);
  count.peak = count.live;
}

export const peakBytes = (device: GPUDevice): number => countOf(device).peak;
