// A device on which one kernel's source is another: what the engine asks for by the kernel's name is compiled from the given code.
import type { GpuContext, Pipeline } from '../../src/gpu/context.ts';

/** `used` counts how often the kernel's pipeline is asked for. The code must have the kernel's bindings, arguments and overrides. */
export function mutated(gpu: GpuContext, kernel: string, code: string): { gpu: GpuContext; used: () => number } {
  let used = 0;
  const made = new Map<string, Promise<Pipeline>>();
  const compile = async (overrides: Record<string, number>): Promise<Pipeline> => {
    const { layout } = await gpu.pipeline(kernel, overrides);
    const { device } = gpu;
    const module = device.createShaderModule({ label: `mutant of ${kernel}`, code });
    const pipeline = await device.createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main', constants: overrides },
    });
    return { pipeline, layout };
  };
  return {
    used: () => used,
    gpu: {
      ...gpu,
      pipeline(name, overrides) {
        if (name !== kernel) return gpu.pipeline(name, overrides);
        used += 1;
        const key = JSON.stringify(overrides);
        let pipeline = made.get(key);
        if (!pipeline) {
          pipeline = compile(overrides);
          made.set(key, pipeline);
        }
        return pipeline;
      },
    },
  };
}
