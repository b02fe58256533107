// The tests. Two projects: `plain` needs a CPU only and runs two files at a time; `gpu` runs after it, one file at a time, so that one
// adapter or one browser is in use at once.
import { defineConfig } from 'vitest/config';

const GPU_TESTS = [
  'test/kernels/**/*.test.ts',
  'test/golden/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/**/*.gpu.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        test: {
          name: 'plain',
          include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
          exclude: GPU_TESTS,
          maxWorkers: 2,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'gpu',
          include: GPU_TESTS,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
