// R46: the random numbers of the kernels are those of the paper: the published vectors of Philox4x32-10 (Random123, kat_vectors), as in
// test/unit/tasks/rng.test.ts for the TypeScript twin. That both agree on random cells is in sample.cases.ts.
import { createState, freeState, writeTensor } from '../../src/engine/graph.ts';
import type { KernelCase } from '../support/kernelCase.ts';
import { expectSame } from './support/compare.ts';
import { download } from './support/runKernel.ts';
import RNG from '/shaders/lib/rng.wgsl?raw';

/** Counter, key, words. */
const PUBLISHED: [number[], number[], number[]][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

const CODE = `${RNG}
@group(0) @binding(0) var<storage, read_write> counters: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> keys: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> words: array<vec4<u32>>;
@compute @workgroup_size(${PUBLISHED.length})
fn main(@builtin(local_invocation_index) i: u32) { words[i] = philox(keys[i].xy, counters[i]); }`;

export const cases: KernelCase[] = [
  {
    name: 'R46: lib/rng gives the published words of Philox4x32-10',
    async run(gpu) {
      const { device } = gpu;
      const pipeline = await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module: device.createShaderModule({ code: CODE }), entryPoint: 'main' },
      });
      const n = 4 * PUBLISHED.length;
      const tensors = ['counters', 'keys', 'words'].map((label) => createState(gpu, label, [n], 'u32'));
      const [counters, keys, words] = tensors as [(typeof tensors)[0], (typeof tensors)[0], (typeof tensors)[0]];
      writeTensor(gpu, counters, Uint32Array.from(PUBLISHED.flatMap(([counter]) => counter)));
      writeTensor(gpu, keys, Uint32Array.from(PUBLISHED.flatMap(([, key]) => [...key, 0, 0])));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      const entries = tensors.map((t, binding) => ({ binding, resource: { buffer: t.buffer! } }));
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(1);
      pass.end();
      device.queue.submit([encoder.finish()]);
      const [got] = await download(gpu, [words]);
      for (const t of tensors) freeState(gpu, t);
      expectSame(
        'words',
        got!.words,
        PUBLISHED.flatMap(([, , expected]) => expected),
      );
    },
  },
];
