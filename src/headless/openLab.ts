// What every verb of the command line begins and ends with: the adapter named on stderr, the kernels chosen, results as JSON lines on stdout.
// Refuses what adapter.ts refuses.
import { tune, attachTuningStore } from '../engine/tuner.ts';
import { type GpuContext, openGpu } from '../gpu/context.ts';
import { openNodeGpu } from './adapter.ts';
import { tuningFile } from './tuningFile.ts';

export const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

/** `flags` are Dawn's. */
export async function open(flags: readonly string[] = []): Promise<GpuContext> {
  const { adapter, describe } = await openNodeGpu(undefined, flags);
  process.stderr.write(`Adapter: ${describe}\n`);
  const gpu = await openGpu(adapter);
  attachTuningStore(gpu, tuningFile());
  await tune(gpu);
  return gpu;
}
