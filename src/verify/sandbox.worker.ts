// Keeps the Python interpreters: one trusted worker in the sandbox's frame that starts them, watches the clock and answers on the port it was given.
// A worker, since timers of hidden pages are slowed down and those of workers are not. Its policy, inherited from sandbox.html, reaches no
// network; the interpreters that it starts inherit it too. What was refused in here it tells the frame, who tells the page. Asked to close, it ends with all that it started.
import { InterpreterPool, type InterpreterListener, type Interpreter } from './interpreterPool.ts';
import type { PythonParts, PythonReport, PythonTask } from './python.worker.ts';
import { onRefused, type SandboxNews } from './sandboxNews.ts';
import type { SandboxAnswer, SandboxParts, SandboxRequest } from './sandboxPort.ts';

const tell = (news: SandboxNews): void => self.postMessage(news);
onRefused((refused) => tell({ refused }));

self.onmessage = ({ data }: MessageEvent<SandboxParts>) => {
  keep(data);
};

function keep({ port, ...parts }: SandboxParts): void {
  const say = (answer: SandboxAnswer): void => port.postMessage(answer);
  const gone = (e: unknown): void => say({ gone: e instanceof Error ? e.message : String(e) });
  const opened = openPool(parts);
  opened.catch(gone);
  port.onmessage = ({ data }: MessageEvent<SandboxRequest>) => {
    if ('close' in data) self.close();
    else if ('alive' in data) say({ alive: true });
    else opened.then((pool) => pool.run(data.job).then((outcome) => say({ id: data.id, outcome }))).catch(gone);
  };
}

async function openPool({
  wasm,
  stdlib,
  asm,
  loader,
  python,
  workers,
  memoryLimitBytes,
}: Omit<SandboxParts, 'port'>): Promise<InterpreterPool> {
  const scriptUrl = addressOf(python);
  const parts = { wasm: await WebAssembly.compile(wasm), stdlib, asmUrl: addressOf(asm), loaderUrl: addressOf(loader), memoryLimitBytes };
  const snapshot = await makeSnapshot(scriptUrl, { ...parts, snapshot: null, interrupt: null });
  return new InterpreterPool({
    size: workers,
    spares: 1,
    tell,
    start: (listener) => startInterpreter(scriptUrl, { ...parts, snapshot, interrupt: sharedByte() }, listener),
  });
}

function addressOf(script: string): string {
  return URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
}

/** Where the page is not isolated from other origins, memory cannot be shared, and a program can be ended but not interrupted. */
function sharedByte(): SharedArrayBuffer | null {
  return self.crossOriginIsolated ? new SharedArrayBuffer(1) : null;
}

/** Starts Python once, the slow way, for the state from which every interpreter then starts. */
function makeSnapshot(scriptUrl: string, parts: PythonParts): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(scriptUrl, parts, {
      report: (report) => {
        worker.terminate();
        if (report.kind === 'snapshot') resolve(report.snapshot);
        else reject(new Error(`Python could not be started: ${report.kind === 'broken' ? report.message : 'it made no snapshot'}.`));
      },
      died: (reason) => reject(new Error(`Python could not be started: ${reason}.`)),
    });
  });
}

function startInterpreter(scriptUrl: string, parts: PythonParts, listener: InterpreterListener): Interpreter {
  const worker = startWorker(scriptUrl, parts, listener);
  const flag = parts.interrupt && new Uint8Array(parts.interrupt);
  return {
    send: (task: PythonTask) => {
      if (flag) Atomics.store(flag, 0, 0);
      worker.postMessage(task);
    },
    interrupt: flag && (() => void Atomics.store(flag, 0, SIGINT)),
    end: () => worker.terminate(),
  };
}

const SIGINT = 2;

function startWorker(scriptUrl: string, parts: PythonParts, listener: InterpreterListener): Worker {
  const worker = new Worker(scriptUrl, { name: 'sandbox python' });
  worker.onmessage = ({ data }: MessageEvent<PythonReport>) => listener.report(data);
  worker.onerror = (event) => listener.died(event.message || 'its script could not be loaded');
  worker.onmessageerror = () => listener.died('a message could not be read');
  worker.postMessage(parts);
  return worker;
}
