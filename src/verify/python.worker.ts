// One Python interpreter (pyodide) in a worker of opaque origin. Boots from files that are posted in, takes an image of its heap, and copies the image back
// before every job, so that each job starts from the same bytes. Says after each job whether it is fit for another; it is not when anything
// changed that the image does not hold. Runs jobs one at a time and keeps no time: sandbox.worker.ts does, and ends it.
import { TRIED_TO_LEAVE } from './python.ts';
import runner from './runner.py?raw';
import { onRefused, type Refusal } from './sandboxNews.ts';
import { BoundedBytes, GateError, WasmGate } from './wasmGate.ts';

/** What a worker is started with. */
export interface PythonParts {
  wasm: WebAssembly.Module;
  stdlib: ArrayBuffer;
  /** Addresses of pyodide.asm.mjs and pyodide.mjs. */
  asmUrl: string;
  loaderUrl: string;
  /** Null for the worker that makes the snapshot. */
  snapshot: Uint8Array | null;
  /** A 2 in its first byte interrupts Python; null where memory cannot be shared. */
  interrupt: SharedArrayBuffer | null;
  memoryLimitBytes: number;
}

export type PythonReport =
  | { kind: 'snapshot'; snapshot: Uint8Array }
  | { kind: 'ready' }
  | { kind: 'broken'; message: string }
  /** Its policy refused it a request, which nothing that belongs here makes. */
  | { kind: 'refused'; refusal: Refusal }
  | {
      kind: 'done';
      /** What the program's runner wrote: untrusted text. */
      answer: string;
      stdout: string;
      /** Why the interpreter is gone, or null. */
      failure: string | null;
      /** The last request for memory was refused. */
      starved: boolean;
      /** Whether the worker may be given another job. */
      fit: boolean;
    };

/** What is asked of one job, as runner.py takes it. */
export interface PythonTask {
  source: string;
  calls: readonly string[];
  stdin: string;
}

/** The parts of pyodide that are used. */
interface Pyodide {
  runPython(source: string): unknown;
  makeMemorySnapshot(): Uint8Array;
  setInterruptBuffer(buffer: Uint8Array): void;
  FS: { streams: ({ fd: number } | undefined)[]; close(stream: object): void };
  _module: {
    _PyRun_SimpleString(text: number): number;
    stringToNewUTF8(text: string): number;
    _free(address: number): void;
    stackSave(): number;
    _emscripten_stack_get_end(): number;
  };
}

type LoadPyodide = (options: object) => Promise<Pyodide>;

const STDOUT_CHARACTERS = 65_536;
/** More than the bounds of runner.py come to. */
const ANSWER_LIMIT_BYTES = 64 << 20;
/** A heap that has grown by more is not brought back. */
const GROWTH_LIMIT_BYTES = 64 << 20;
const PLACE = 'https://sandbox.invalid/';

const post = self.postMessage.bind(self) as (report: PythonReport, transfer?: Transferable[]) => void;
const gate = new WasmGate();
let starved = false;

self.onmessage = ({ data }: MessageEvent<PythonParts>) => {
  start(data).catch((e: unknown) => post({ kind: 'broken', message: e instanceof Error ? e.message : String(e) }));
};

async function start(parts: PythonParts): Promise<void> {
  const pyodide = await boot(parts);
  if (!parts.snapshot) {
    pyodide.runPython(
      `import sys, types\nmodule = types.ModuleType('_sandbox')\nsys.modules['_sandbox'] = module\nexec(compile(${JSON.stringify(runner)}, '<sandbox>', 'exec'), module.__dict__)\ndel module`,
    );
    const snapshot = pyodide.makeMemorySnapshot();
    post({ kind: 'snapshot', snapshot }, [snapshot.buffer]);
    return;
  }
  if (parts.interrupt) pyodide.setInterruptBuffer(new Uint8Array(parts.interrupt));
  const interpreter = new Interpreter(pyodide);
  // pyodide's loader tries whether it may evaluate text: no request, and the event may come late
  onRefused((refusal) => refusal.address === 'eval' || post({ kind: 'refused', refusal }));
  strip();
  self.onmessage = ({ data }: MessageEvent<PythonTask>) => post(interpreter.run(data));
  post({ kind: 'ready' });
}

/** Loads pyodide as it is, from what was posted in: its fetches are answered here, and its module starts behind the gate. */
async function boot(parts: PythonParts): Promise<Pyodide> {
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) console[name] = () => undefined;
  capMemory(parts.memoryLimitBytes);
  const files: Record<string, () => Response> = {
    'python_stdlib.zip': () => new Response(parts.stdlib),
    'pyodide.asm.wasm': () => new Response(),
  };
  Object.assign(self, {
    fetch: async (url: string | URL) => {
      const file = files[String(url).slice(PLACE.length)];
      if (!file) throw new TypeError(`Python's loader asked for ${url}, which the sandbox does not hold.`);
      return file();
    },
  });
  WebAssembly.instantiateStreaming = async (_response, imports) => ({
    module: parts.wasm,
    instance: await gate.instantiate(parts.wasm, imports ?? {}),
  });
  const [{ default: createPyodideModule }, { loadPyodide }] = (await Promise.all([
    import(/* @vite-ignore */ parts.asmUrl),
    import(/* @vite-ignore */ parts.loaderUrl),
  ])) as [{ default: unknown }, { loadPyodide: LoadPyodide }];
  return loadPyodide({
    createPyodideModule,
    indexURL: PLACE,
    packageBaseUrl: PLACE,
    // No packages: the versions only have to be those that this pyodide expects.
    lockFileContents: { info: LOCK_INFO, packages: {} },
    jsglobals: Object.create(null),
    // Sets and dicts in the same order in every interpreter.
    env: { PYTHONHASHSEED: '0' },
    ...(parts.snapshot ? { _loadSnapshot: parts.snapshot } : { _makeSnapshot: true }),
  });
}

const LOCK_INFO = { arch: 'wasm32', platform: 'emscripten_5_0_3', version: '314.0.7', python: '3.14.0', abi_version: '2026_0' };

function capMemory(limitBytes: number): void {
  const grow = WebAssembly.Memory.prototype.grow;
  WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
    starved = this.buffer.byteLength + 65_536 * pages > limitBytes;
    if (starved) throw new RangeError(`Python may have ${limitBytes} bytes`);
    return grow.call(this, pages);
  };
}

class Interpreter {
  private readonly pyodide: Pyodide;
  private readonly image: Uint8Array;
  private readonly stackPointer: number;
  private readonly stackEnd: number;
  private readonly tableLength: number;

  constructor(pyodide: Pyodide) {
    this.pyodide = pyodide;
    pyodide.runPython('import sys\nsys.modules["_sandbox"].lock()');
    gate.shut();
    this.stackPointer = pyodide._module.stackSave();
    this.stackEnd = pyodide._module._emscripten_stack_get_end();
    this.tableLength = gate.tableLength();
    this.image = gate.memory().slice();
  }

  run({ source, calls, stdin }: PythonTask): PythonReport {
    this.reset();
    const streams = {
      stdin: new TextEncoder().encode(stdin),
      // Four bytes for a character at most.
      stdout: new BoundedBytes(4 * STDOUT_CHARACTERS),
      answer: new BoundedBytes(ANSWER_LIMIT_BYTES),
    };
    gate.connect(streams);
    starved = false;
    let failure: string | null = null;
    try {
      const { _module: module } = this.pyodide;
      // A string of JSON is a literal of Python too.
      const text = module.stringToNewUTF8(`import sys\nsys.modules['_sandbox'].run(${JSON.stringify(JSON.stringify({ source, calls }))})`);
      module._PyRun_SimpleString(text);
    } catch (e) {
      failure = why(e);
    }
    if (gate.breach) failure ??= why(new GateError(gate.breach));
    return {
      kind: 'done',
      answer: streams.answer.text(),
      stdout: streams.stdout.text().slice(0, STDOUT_CHARACTERS),
      failure,
      starved,
      fit: failure === null && this.canReset(),
    };
  }

  /** The dead part of the stack is left as it is. */
  private reset(): void {
    const memory = gate.memory();
    memory.set(this.image.subarray(0, this.stackEnd));
    memory.set(this.image.subarray(this.stackPointer), this.stackPointer);
    memory.fill(0, this.image.length);
  }

  /** Files that were left open are closed; whatever else lies outside the heap must be as it was. */
  private canReset(): boolean {
    const { FS, _module: module } = this.pyodide;
    for (const stream of FS.streams) if (stream && stream.fd > 2) FS.close(stream);
    return (
      module.stackSave() === this.stackPointer &&
      gate.tableLength() === this.tableLength &&
      gate.memory().length <= this.image.length + GROWTH_LIMIT_BYTES
    );
  }
}

function why(error: unknown): string {
  if (error instanceof GateError) return `${TRIED_TO_LEAVE}: ${error.message}`;
  const { name, message, status } = error as { name?: string; message?: string; status?: number };
  if (name === 'ExitStatus') return `it ended its interpreter with exit code ${status}`;
  return `its interpreter failed: ${String(message ?? error).slice(0, 300)}`;
}

/** What stays of the worker's scope: the language itself and what pyodide uses. No fetch, no workers, no storage, no messages. */
const KEPT =
  /^(([A-Z]\w*)?Error|(Weak)?(Map|Set|Ref)|Array|ArrayBuffer|Atomics|Big(Int|Uint)\w*|Boolean|DataView|Date|FinalizationRegistry|Float\w+|Function|Intl|Int\d+Array|Iterator|JSON|Map|Math|NaN|Infinity|Number|Object|Promise|Proxy|Reflect|RegExp|SharedArrayBuffer|String|Symbol|Uint\w+|WebAssembly|globalThis|undefined|eval|is(NaN|Finite)|parse(Int|Float)|(en|de)codeURI(Component)?|(un)?escape|self|console|performance|crypto|onmessage|Text(En|De)coder|(set|clear)Timeout)$/;

function strip(): void {
  for (let scope: object | null = self; scope && scope !== Object.prototype; scope = Object.getPrototypeOf(scope)) {
    for (const key of Reflect.ownKeys(scope)) {
      if (typeof key === 'string' && key !== 'constructor' && !KEPT.test(key)) Reflect.deleteProperty(scope, key);
    }
  }
}
