// Opens the Python sandbox of a page: a hidden frame of opaque origin (sandbox.html, with a policy of its own that reaches no network), into which everything
// that it runs is posted. Nothing is fetched before it is opened, and then from the page's own origin alone. Refuses a page that no built
// sandbox.html lies beside.
import asmUrl from 'pyodide/pyodide.asm.mjs?url';
import wasmUrl from 'pyodide/pyodide.asm.wasm?url';
import loaderUrl from 'pyodide/pyodide.mjs?url';
import stdlibUrl from 'pyodide/python_stdlib.zip?url';
import pythonUrl from './python.worker.ts?worker&url';
import type { PythonSandbox } from './python.ts';
import keeperUrl from './sandbox.worker.ts?worker&url';
import { lastingSandbox } from './lastingSandbox.ts';
import { sandboxAt, type SandboxParts } from './sandboxPort.ts';

export interface SandboxOptions {
  /** Interpreters that work at once. */
  workers?: number;
  /** What one interpreter may have, its own 30 MiB included. */
  memoryLimitBytes?: number;
}

/** A frame and the port to its keeper, which may be passed on to a worker. */
export interface SandboxFrame {
  port: MessagePort;
  remove(): void;
}

const MEMORY_LIMIT_BYTES = 256 << 20;
const MOST_WORKERS = 4;
const FRAME_LIMIT_MS = 30_000;

export async function openSandboxFrame(options: SandboxOptions = {}): Promise<SandboxFrame> {
  // Scripts as the development server has them import others, which a frame of opaque origin cannot.
  if (import.meta.env.DEV) throw new Error('The Python sandbox is part of the built page alone. Run npm start.');
  const frame = await readyFrame();
  const bytes = async (url: string): Promise<ArrayBuffer> => (await read(url)).arrayBuffer();
  const script = async (url: string): Promise<string> => (await read(url)).text();
  try {
    const [wasm, stdlib, asm, loader, python, keeper] = await Promise.all([
      bytes(wasmUrl),
      bytes(stdlibUrl),
      script(asmUrl),
      script(loaderUrl),
      script(pythonUrl),
      script(keeperUrl),
    ]);
    const { port1: port, port2 } = new MessageChannel();
    const parts: SandboxParts = {
      port: port2,
      wasm,
      stdlib,
      asm,
      loader,
      python,
      workers: options.workers ?? Math.min(MOST_WORKERS, navigator.hardwareConcurrency),
      memoryLimitBytes: options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES,
    };
    // An opaque origin has no name that could be written in place of the star; the frame is ours and may navigate nowhere else.
    frame.contentWindow?.postMessage({ keeper, parts }, '*', [port2, wasm, stdlib]);
    return { port, remove: () => frame.remove() };
  } catch (e) {
    frame.remove();
    throw e;
  }
}

/** The sandbox for code of the page itself; opened at the first job. */
export function openPythonSandbox(options: SandboxOptions = {}): PythonSandbox {
  return lastingSandbox(async () => {
    const frame = await openSandboxFrame(options);
    return sandboxAt(frame.port, frame.remove);
  });
}

async function read(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`A file of the Python sandbox could not be read (${url}: HTTP ${response.status}). Build the page again.`);
  return response;
}

/** The frame, once its document listens. */
function readyFrame(): Promise<HTMLIFrameElement> {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  frame.title = 'Python sandbox';
  // A service worker does not answer for a frame that this attribute sandboxes, so the frame would lack the headers that a page under one needs. Where
  // one is in charge, it sends the frame's policy, which sandboxes it as well; sandbox.html refuses to start in any origin but an opaque one.
  if (!navigator.serviceWorker?.controller) frame.setAttribute('sandbox', 'allow-scripts');
  frame.allow = 'cross-origin-isolated';
  frame.src = new URL('sandbox.html', document.baseURI).href;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      removeEventListener('message', hear);
      clearTimeout(timer);
      act();
    };
    const hear = ({ source, data }: MessageEvent): void => {
      if (source === frame.contentWindow && data === 'sandbox ready') settle(() => resolve(frame));
    };
    const timer = setTimeout(
      () =>
        settle(() => {
          frame.remove();
          reject(new Error(`The Python sandbox's page (${frame.src}) did not start. Serve the whole built folder, sandbox.html too.`));
        }),
      FRAME_LIMIT_MS,
    );
    addEventListener('message', hear);
    document.body.append(frame);
  });
}
