// Unpacks what the npm package @sparticuz/chromium carries (Linux x64): a Chromium, the libraries it needs on a bare system, fonts, and the
// SwiftShader Vulkan driver with its loader. Each version is unpacked once into .cache/ and put in place by one rename. Runs nothing.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { withLock } from './lock.mjs';
import { CACHE, ROOT } from './paths.mjs';

const inflate = promisify(brotliDecompress);
const PACKAGE = join(ROOT, 'node_modules', '@sparticuz', 'chromium');

/** Whether this machine can use the package at all. */
export function canUnpack() {
  return process.platform === 'linux' && process.arch === 'x64' && existsSync(join(PACKAGE, 'bin', 'chromium.br'));
}

/**
 * The unpacked Chromium: its program and the environment it needs.
 * @returns {Promise<{ path: string, env: Record<string, string> }>}
 */
export async function unpackChromium() {
  const dir = await unpackOnce('chromium', async (target, dir) => {
    // Chromium looks for its Vulkan loader and driver beside its own program.
    await Promise.all([
      unpackTar('swiftshader.tar.br', target),
      unpackTar('al2023.tar.br', target),
      unpackTar('fonts.tar.br', target),
      readPart('chromium.br').then((bytes) => writeFileSync(join(target, 'chromium'), bytes, { mode: 0o755 })),
    ]);
    writeFileSync(join(target, 'fonts.conf'), fontsConf(dir));
  });
  const libraries = [join(dir, 'lib'), dir, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  /** @type {Record<string, string>} */
  const env = { LD_LIBRARY_PATH: libraries };
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_FILE = join(dir, 'fonts.conf');
  return { path: join(dir, 'chromium'), env };
}

/**
 * The unpacked SwiftShader: the driver's manifest for VK_ICD_FILENAMES and a Vulkan loader.
 * @returns {Promise<{ icd: string, loader: string }>}
 */
export async function unpackSwiftShader() {
  const dir = await unpackOnce('swiftshader', (target) => unpackTar('swiftshader.tar.br', target));
  return { icd: join(dir, 'vk_swiftshader_icd.json'), loader: join(dir, 'libvulkan.so.1') };
}

/** Fonts lie beside this file; so does the cache of what is in them. @param {string} dir */
function fontsConf(dir) {
  const path = dir.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${path}/fonts</dir>
  <cachedir>${path}/fonts-cache</cachedir>
</fontconfig>
`;
}

/**
 * @param {string} name
 * @param {(target: string, dir: string) => Promise<void>} fill fills `target`, which becomes `dir`
 * @returns {Promise<string>} the folder
 */
async function unpackOnce(name, fill) {
  if (!canUnpack()) {
    throw new Error(
      `@sparticuz/chromium has nothing for ${process.platform} ${process.arch}, or is not installed: it serves Linux x64 only.`,
    );
  }
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  const dir = join(CACHE, `${name}-${version}`);
  if (existsSync(dir)) return dir;
  await withLock(`${dir}.lock`, async () => {
    if (existsSync(dir)) return;
    process.stderr.write(`Unpacking ${name} ${version} from @sparticuz/chromium into .cache/ ...\n`);
    const part = `${dir}.part`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
    await fill(part, dir);
    renameSync(part, dir);
  });
  return dir;
}

/** @param {string} file */
async function readPart(file) {
  return inflate(readFileSync(join(PACKAGE, 'bin', file)));
}

/**
 * Unpacks a brotli-compressed ustar archive; symbolic links and names that lead out of the folder are handled or refused explicitly.
 * @param {string} file
 * @param {string} target
 */
async function unpackTar(file, target) {
  const bytes = await readPart(file);
  /** @param {number} at @param {number} length */
  const text = (at, length) =>
    bytes
      .subarray(at, at + length)
      .toString('latin1')
      .split('\0')[0];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const name = [text(at + 345, 155), text(at, 100)].filter(Boolean).join('/');
    const mode = Number.parseInt(text(at + 100, 8), 8);
    const sizeBytes = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1) || '0';
    const path = join(target, name);
    if (!(path + sep).startsWith(target + sep) || !Number.isSafeInteger(sizeBytes)) {
      throw new Error(`${file}: the entry '${name}' (${sizeBytes} bytes) is not acceptable. Delete node_modules and run npm ci again.`);
    }
    if (type === '0') {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes.subarray(at + 512, at + 512 + sizeBytes), { mode });
    } else if (type === '2') {
      const link = text(at + 157, 100);
      if (link.includes('/')) throw new Error(`${file}: the link '${name}' leads to '${link}', out of its folder.`);
      symlinkSync(link, path);
    }
    at += 512 + Math.ceil(sizeBytes / 512) * 512;
  }
}
