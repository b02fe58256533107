// Runs kernel cases in a browser's page for chromium.test.ts, one at a time on one device; after a failure a new device is opened, so that
// one broken case does not fail the next.
import { type GpuContext, openGpu } from '../../src/gpu/context.ts';
import { kernelCaseFiles } from './kernelCase.ts';

declare global {
  interface Window {
    /** Runs a case; resolves with null, or with the failure's text. */
    runKernelCase(file: string, name: string): Promise<string | null>;
  }
}

let gpu: GpuContext | null = null;

window.runKernelCase = async (file, name) => {
  const kernelCase = kernelCaseFiles()
    .find((f) => f.file === file)
    ?.cases.find((c) => c.name === name);
  if (!kernelCase) return `The page has no case '${name}' in ${file}.`;
  try {
    gpu ??= await open();
    await kernelCase.run(gpu);
    return null;
  } catch (error) {
    gpu?.destroy();
    gpu = null;
    return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
  }
};

async function open(): Promise<GpuContext> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('The browser gives this page no WebGPU adapter.');
  return openGpu(adapter);
}
