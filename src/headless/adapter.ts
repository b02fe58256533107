// WebGPU for Node (Dawn, from the npm package webgpu). Takes the machine's own Vulkan driver, Metal or Direct3D where there is one, else the
// SwiftShader software driver that comes with the npm packages, so that it works on a bare Linux x64 too. Writes nothing to stdout.
//
// RA3_ADAPTER=swiftshader or RA3_ADAPTER=llvmpipe forces that software driver.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { canUnpack, unpackSwiftShader } from '../../scripts/unpack.mjs';

export type AdapterChoice = 'default' | 'swiftshader' | 'llvmpipe';

export interface NodeGpu {
  gpu: GPU;
  adapter: GPUAdapter;
  /** For people: vendor, architecture and driver. */
  describe: string;
}

/** glibc's flag for dlopen: the library stays loaded after it is closed. */
const RTLD_NODELETE = 0x1000;
const LLVMPIPE_ICD = [
  '/usr/share/vulkan/icd.d/lvp_icd.json',
  `/usr/share/vulkan/icd.d/lvp_icd.${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.json`,
];
/** Where distributions put Chromium with a SwiftShader of its own. */
const CHROMIUM_ICD = ['/usr/lib/chromium', '/usr/lib64/chromium-browser', '/opt/google/chrome'].map((dir) =>
  join(dir, 'vk_swiftshader_icd.json'),
);

/** Instances stay alive as long as the process: Dawn's devices do not outlive theirs. */
const instances: GPU[] = [];

/** Timestamps to the nanosecond: Dawn gives them in steps of 65 us otherwise, as a guard against spying pages. */
export const EXACT_TIMESTAMPS = 'disable-dawn-features=timestamp_quantization';

/**
 * Opens an adapter. `choice` wins over RA3_ADAPTER; `flags` are Dawn's. Throws when the driver asked for is not on this machine, and says
 * what to install when there is none at all.
 */
export async function openNodeGpu(choice: AdapterChoice = choiceOfEnvironment(), flags: readonly string[] = []): Promise<NodeGpu> {
  Object.assign(globalThis, globals);
  if (choice === 'llvmpipe') return openDriver(choice, findLlvmpipe(), flags);
  if (choice === 'swiftshader') return openDriver(choice, await findSwiftShader(), flags);
  const own = await requestAdapter(flags);
  if (own) return own;
  if (process.platform !== 'linux') throw new Error('Dawn found no WebGPU adapter. Update the graphics driver and run this again.');
  await loadVulkanLoader();
  return openDriver('swiftshader', await findSwiftShader(), flags);
}

/** The choices that openNodeGpu can open on this machine, best first, no driver twice. */
export async function listAdapterChoices(): Promise<AdapterChoice[]> {
  const { adapter } = await openNodeGpu('default');
  const choices: AdapterChoice[] = ['default'];
  if (process.platform !== 'linux') return choices;
  if (findLlvmpipe() && !adapter.info.device.includes('llvmpipe')) choices.push('llvmpipe');
  if ((await findSwiftShader()) && adapter.info.architecture !== 'swiftshader') choices.push('swiftshader');
  return choices;
}

function choiceOfEnvironment(): AdapterChoice {
  const choice = process.env.RA3_ADAPTER ?? 'default';
  if (choice === 'default' || choice === 'swiftshader' || choice === 'llvmpipe') return choice;
  throw new Error(`RA3_ADAPTER is '${choice}'; it may be 'default', 'swiftshader' or 'llvmpipe', or not set.`);
}

async function requestAdapter(flags: readonly string[]): Promise<NodeGpu | null> {
  const gpu = create([...flags]);
  const adapter = (await gpu.requestAdapter({ powerPreference: 'high-performance' })) ?? (await gpu.requestAdapter());
  if (!adapter) return null;
  instances.push(gpu);
  const { vendor, architecture, description, device } = adapter.info;
  return { gpu, adapter, describe: `${vendor} ${architecture}: ${description || device}` };
}

/** Opens one Vulkan driver by its manifest; the driver choice of the process is left as it was. */
async function openDriver(name: string, icd: string | null, flags: readonly string[]): Promise<NodeGpu> {
  if (icd === null) {
    throw new Error(
      `No Vulkan driver '${name}' on this machine. On Linux x64 'npm ci' brings SwiftShader; elsewhere install a Vulkan driver (Debian: apt install mesa-vulkan-drivers).`,
    );
  }
  const before = process.env.VK_ICD_FILENAMES;
  process.env.VK_ICD_FILENAMES = icd;
  try {
    const opened = (await requestAdapter(flags)) ?? ((await loadVulkanLoader()) ? await requestAdapter(flags) : null);
    if (opened) return opened;
  } finally {
    if (before === undefined) delete process.env.VK_ICD_FILENAMES;
    else process.env.VK_ICD_FILENAMES = before;
  }
  throw new Error(
    `The Vulkan driver ${icd} does not start. Install another (Debian: apt install mesa-vulkan-drivers libvulkan1) and run this again.`,
  );
}

function findLlvmpipe(): string | null {
  return LLVMPIPE_ICD.find((path) => existsSync(path)) ?? null;
}

async function findSwiftShader(): Promise<string | null> {
  if (canUnpack()) return (await unpackSwiftShader()).icd;
  return CHROMIUM_ICD.find((path) => existsSync(path)) ?? null;
}

/**
 * Loads the Vulkan loader of the npm package for the whole process, so that Dawn finds it by its name on a machine that has none. Node refuses
 * it as an addon, after the system has loaded it for good.
 */
async function loadVulkanLoader(): Promise<boolean> {
  if (!canUnpack()) return false;
  const { loader } = await unpackSwiftShader();
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE);
  } catch {
    // Expected: the library is loaded, but is not an addon. If it could not be loaded, the next request for an adapter finds none.
  }
  return true;
}
