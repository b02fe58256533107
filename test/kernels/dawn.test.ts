// Every kernel case on Dawn in Node, on each adapter of this machine in turn.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { listAdapterChoices, openNodeGpu } from '../../src/headless/adapter.ts';
import { kernelCaseFiles } from '../support/kernelCase.ts';

const choices = await listAdapterChoices();

for (const choice of choices) {
  const { describe: adapterName } = await openNodeGpu(choice);
  describe(`Dawn on ${adapterName}`, () => {
    for (const { file, cases } of kernelCaseFiles()) {
      describe(file, () => {
        let gpu: GpuContext;
        beforeAll(async () => {
          gpu = await openGpu((await openNodeGpu(choice)).adapter);
        });
        afterAll(() => gpu?.destroy());
        test.each(cases)('$name', async ({ run }) => run(gpu));
      });
    }
  });
}
