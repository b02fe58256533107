// Every kernel has a case in test/kernels that runs it by name; the matmuls through the table of their variants.
import { describe, expect, it } from 'vitest';
import { VARIANTS } from '../../../src/engine/matmul.ts';
import { kernelNames } from '../../../src/gpu/shaders.ts';

const texts = Object.values(import.meta.glob('../../kernels/*.cases.ts', { query: '?raw', import: 'default', eager: true })) as string[];

describe('kernel cases', () => {
  it('run every kernel', () => {
    const variants = Object.values(VARIANTS).flatMap((list) => list.map((v) => v.kernel));
    const named = (kernel: string): boolean => variants.includes(kernel) || texts.some((text) => text.includes(`'${kernel}'`));
    expect(kernelNames().filter((kernel) => !named(kernel))).toEqual([]);
  });

  it('take every matmul that there is from the table of variants', () => {
    const variants = Object.values(VARIANTS).flatMap((list) => list.map((v) => v.kernel));
    expect(kernelNames().filter((kernel) => kernel.startsWith('linear/matmul_'))).toEqual([...variants].sort());
  });
});
