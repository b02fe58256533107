// The tuner: what it takes, drops, remembers and survives. On SwiftShader, the software driver that is there on every machine of the project.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { choicesOf, suits, VARIANTS } from '../../../src/engine/matmul.ts';
import { adapterKey, tune, type TuningStore } from '../../../src/engine/tuner.ts';
import { type GpuContext, type OpenOptions, openGpu } from '../../../src/gpu/context.ts';
import { type NodeGpu, openNodeGpu } from '../../../src/headless/adapter.ts';

let node: NodeGpu;
let device: GpuContext;
const opened: GpuContext[] = [];

async function open(options: OpenOptions = {}): Promise<GpuContext> {
  const adapter = await node.gpu.requestAdapter();
  const gpu = await openGpu(adapter as GPUAdapter, options);
  opened.push(gpu);
  return gpu;
}

/** The device as a context of its own that reports another description, so that this process remembers nothing of it. */
const contextOf = (description: string): GpuContext => ({ ...device, report: { ...device.report, description } });

function memoryStore(entries = new Map<string, string>()): TuningStore & { entries: Map<string, string>; reads: number } {
  const store = {
    entries,
    reads: 0,
    read: async (key: string) => {
      store.reads++;
      return entries.get(key) ?? null;
    },
    write: async (key: string, value: string) => {
      entries.set(key, value);
    },
  };
  return store;
}

beforeAll(async () => {
  node = await openNodeGpu('swiftshader');
  device = await openGpu(node.adapter);
  opened.push(device);
});
afterAll(() => {
  for (const gpu of opened) gpu.destroy();
});

describe('tune', () => {
  it('measures once, stores the choice, and takes the stored choice as it is', async () => {
    const gpu = contextOf('one');
    const store = memoryStore();
    const report = await tune(gpu, store);
    expect(report.notices).toEqual([]);
    expect(report.measured.length).toBeGreaterThan(report.choices.size);
    expect(gpu.bytesInUse()).toBe(0);
    const key = adapterKey(gpu);
    expect(JSON.parse(store.entries.get(key) as string)).toEqual(Object.fromEntries(report.choices));

    // another process: the same store, where the slowest of each class stands, so that measuring would not choose it
    const slow = contextOf('two');
    const odd = { 'nt f32 many': 'linear/matmul_nt_1x4', 'nn f32 many': 'linear/matmul_nn_4x4', 'tn f32 many': 'linear/matmul_tn_8x8' };
    const rest = { 'nt f32 one': 'linear/matmul_nt_1x4', 'nt f32 few': 'linear/matmul_nt_4x4' };
    const other = memoryStore(new Map([[adapterKey(slow), JSON.stringify({ ...odd, ...rest })]]));
    const again = await tune(slow, other);
    expect(again.measured).toEqual([]);
    expect(Object.fromEntries(again.choices)).toEqual({ ...odd, ...rest });

    // the device is opened anew, as after a loss: neither measured nor read again
    const regained = contextOf('two');
    expect(Object.fromEntries((await tune(regained, other)).choices)).toEqual({ ...odd, ...rest });
    expect(other.reads).toBe(1);
  });

  it('ignores what is stored for other kernels, other classes and in another form', async () => {
    for (const [i, text] of [
      'no JSON',
      '[]',
      'null',
      '{"nt f32 one":7}',
      '{"nt f32 one":"linear/matmul_nn_4x4","__proto__":"x"}',
    ].entries()) {
      const gpu = contextOf(`hostile ${i}`);
      const { choices, notices } = await tune(gpu, memoryStore(new Map([[adapterKey(gpu), text]])));
      expect(notices).toEqual([]);
      for (const [shapeClass, kernel] of choices) {
        const variant = Object.values(VARIANTS)
          .flat()
          .find((v) => v.kernel === kernel);
        expect(variant && suits(gpu, variant) && shapeClass.startsWith(`${variant.layout} ${variant.stored} `)).toBe(true);
      }
    }
  });

  it('goes on without a store that fails, and says so', async () => {
    const gpu = contextOf('no store');
    const broken = async (): Promise<never> => {
      throw new Error('disk full');
    };
    const { notices, choices } = await tune(gpu, { read: broken, write: broken });
    expect(notices).toHaveLength(2);
    expect(notices.join(' ')).toMatch(/could not be read \(disk full\).*could not be stored \(disk full\)/);
    expect(choices.size).toBe(5);
  });

  it('drops a kernel whose numbers are wrong, and one that does not compile, with a notice each', async () => {
    const gpu = contextOf('broken kernels');
    const wrong: GpuContext = {
      ...gpu,
      pipeline: (kernel, overrides) => {
        if (kernel.startsWith('linear/matmul_nt_quad_4x4')) throw new Error('not here');
        // the other product of the same arguments: fast, and wrong
        return gpu.pipeline(kernel === 'linear/matmul_nt_quad_16x8' ? 'linear/matmul_nn_quad_16x8' : kernel, overrides);
      },
    };
    const { notices, choices } = await tune({
      ...wrong,
      pipeline: async (kernel, overrides) => wrong.pipeline(kernel, overrides),
    });
    expect(notices).toHaveLength(2);
    expect(notices[0]).toMatch(/matmul_nt_quad_4x4 was dropped: not here/);
    expect(notices[1]).toMatch(/matmul_nt_quad_16x8 was dropped: its result differs/);
    expect(choices.get('nt f32 many')).toBe('linear/matmul_nt_quad_8x8');
  });

  it('asks for f16 weights only when told, and adds them to what is there', async () => {
    const gpu = contextOf('halves');
    const store = memoryStore();
    await tune(gpu, store);
    const f32 = new Map(choicesOf(gpu));
    const { choices } = await tune(gpu, store, ['f32', 'f16']);
    expect([...choices.keys()].filter((c) => c.includes('f16')).sort()).toEqual(['nn f16 many', 'nt f16 few', 'nt f16 many', 'nt f16 one']);
    for (const [shapeClass, kernel] of f32) expect(choices.get(shapeClass)).toBe(kernel);
    expect(Object.keys(JSON.parse(store.entries.get(adapterKey(gpu)) as string))).toHaveLength(9);
  });
});

describe('openGpu', () => {
  it('with minimum takes the default limits and no feature, and offers no kernel that needs more', async () => {
    const gpu = await open({ minimum: true });
    expect([gpu.features.has('subgroups'), gpu.subgroupSize]).toEqual([false, null]);
    expect(gpu.device.limits.maxStorageBufferBindingSize).toBe(128 * 2 ** 20);
    expect(gpu.device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    const { choices, notices } = await tune(gpu);
    expect(notices).toEqual([]);
    expect([...choices.values()].filter((kernel) => kernel.includes('quad'))).toEqual([]);
    await expect(gpu.pipeline('linear/matmul_nt_quad_4x4', { MODE: 0 })).rejects.toThrow(/needs the feature subgroups/);
  });

  it('fails the allocation that it is told to, and counts nothing of it', async () => {
    const gpu = await open({ failAllocation: (n) => n === 2 });
    gpu.createBuffer('first', 64, GPUBufferUsage.STORAGE);
    expect(() => gpu.createBuffer('second', 64, GPUBufferUsage.STORAGE)).toThrow(/out of memory while making second/);
    expect(gpu.bytesInUse()).toBe(64);
    gpu.createBuffer('third', 64, GPUBufferUsage.STORAGE);
    expect(gpu.bytesInUse()).toBe(128);
  });
});
