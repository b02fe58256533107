// R42: the kernel cases notice mistakes in every kernel. Each mutant of mutants.ts is compiled in the kernel's place and its cases run until one fails;
// one that none fails for is a gap in the cases. A mutant that does not compile, changes nothing or is not run by its cases is a mistake in the table.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { kernelNames, kernelSource } from '../../src/gpu/shaders.ts';
import { openNodeGpu } from '../../src/headless/adapter.ts';
import { type KernelCase, kernelCaseFiles } from '../support/kernelCase.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { mutated } from './mutated.ts';

const FILES = kernelCaseFiles();

function casesOf({ cases: [file, name] }: Mutant, kernel: string): KernelCase[] {
  const wanted = name.replace(/^kernel\b/, kernel);
  const found = FILES.find((f) => f.file === file)?.cases.filter((c) => c.name.includes(wanted)) ?? [];
  if (found.length === 0) throw new Error(`test/kernels/${file}.cases.ts has no case "${wanted}".`);
  return found;
}

describe('R42 mutants of the kernels', () => {
  let gpu: GpuContext;
  beforeAll(async () => {
    gpu = await openGpu((await openNodeGpu()).adapter);
  });
  afterAll(() => gpu?.destroy());

  it('are there for every kernel, and every line of the table is for some kernel', () => {
    const names = kernelNames();
    expect(names.filter((name) => !MUTANTS.some((m) => m.kernels.test(name)))).toEqual([]);
    expect(MUTANTS.filter((m) => !names.some((name) => m.kernels.test(name))).map((m) => String(m.kernels))).toEqual([]);
  });

  const all = kernelNames().flatMap((kernel) => MUTANTS.filter((m) => m.kernels.test(kernel)).map((mutant) => ({ kernel, mutant })));
  it.each(all.map(({ kernel, mutant }) => ({ kernel, mutant, find: mutant.find, put: mutant.put })))(
    '$kernel: "$find" -> "$put" is noticed',
    async ({ kernel, mutant, find, put }) => {
      const source = kernelSource(kernel);
      const missing = source.enables.filter((e) => !gpu.features.has(e === 'f16' ? 'shader-f16' : e));
      if (missing.length > 0 || (source.enables.includes('subgroups') && gpu.subgroupSize === null)) {
        console.log(`${kernel} is not run: this adapter has no ${missing.join(', ') || 'fixed subgroup size'}.`);
        return;
      }
      const plain = source.code.replace(/\/\/.*$/gm, '');
      expect(plain.includes(find), `the source holds "${find}"`).toBe(true);
      const code = plain.replace(find, () => put);
      let noticed = '';
      let used = 0;
      for (const { run } of casesOf(mutant, kernel)) {
        const other = mutated(gpu, kernel, code);
        try {
          await run(other.gpu);
        } catch (e) {
          noticed = (e as Error).message;
        }
        used += other.used();
        if (noticed !== '') break;
      }
      expect(used, 'times that the cases asked for the kernel').toBeGreaterThan(0);
      expect(noticed, 'what the cases say of the mutant').not.toBe('');
      expect(noticed, 'the mutant compiles').not.toMatch(
        /does not compile|Error while parsing WGSL|CreateComputePipeline|Invalid (ShaderModule|ComputePipeline)/,
      );
    },
  );
});
