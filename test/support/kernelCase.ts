// What a kernel test is: a name and a check that runs on any WebGPU adapter and throws when the kernel is wrong. The same cases run on Dawn in
// Node and in a real browser; a new file test/kernels/*.cases.ts that exports `cases` joins both by itself.
import type { GpuContext } from '../../src/gpu/context.ts';

export interface KernelCase {
  name: string;
  run(gpu: GpuContext): Promise<void>;
}

const FILES = import.meta.glob('../kernels/*.cases.ts', { eager: true }) as Record<string, { cases: KernelCase[] }>;

export interface KernelCaseFile {
  file: string;
  cases: KernelCase[];
}

/** Every case file, by name. Throws when a file exports no cases, or two cases of one name. */
export function kernelCaseFiles(): KernelCaseFile[] {
  return Object.entries(FILES)
    .map(([path, module]) => {
      const file = path.replace('../kernels/', '').replace('.cases.ts', '');
      if (!Array.isArray(module.cases) || module.cases.length === 0) throw new Error(`test/kernels/${file}.cases.ts exports no cases.`);
      const names = new Set(module.cases.map((c) => c.name));
      if (names.size !== module.cases.length) throw new Error(`test/kernels/${file}.cases.ts has two cases of one name.`);
      return { file, cases: module.cases };
    })
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}
