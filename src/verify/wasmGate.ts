// The gate between Python's WebAssembly and JavaScript. A module can act on the world only by the functions that it imports; once the gate is shut,
// those that work on memory alone, read the (virtual) clock and file system, or end the program still do. Those that would change anything
// which the image of the heap does not hold (files, pipes, sockets, timers, the function table) fail as on a system that lacks them; every
// other one, among them all by which Python reaches JavaScript's objects, ends the job. New versions of pyodide are met with refusal.

/** Thrown through Python's stack; nothing in Python can catch it. */
export class GateError extends Error {
  override name = 'GateError';
}

/** Standard input, what is written, and where answers go. */
export interface GateStreams {
  stdin: Uint8Array;
  stdout: BoundedBytes;
  answer: BoundedBytes;
}

/** Keeps the first `limitBytes` of what is written and drops the rest. */
export class BoundedBytes {
  private pieces: Uint8Array[] = [];
  private sizeBytes = 0;
  private readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  write(bytes: Uint8Array): void {
    const kept = bytes.slice(0, this.limitBytes - this.sizeBytes);
    if (kept.length === 0) return;
    this.pieces.push(kept);
    this.sizeBytes += kept.length;
    if (this.pieces.length > 1000) this.pieces = [this.joined()];
  }

  text(): string {
    return new TextDecoder().decode(this.joined());
  }

  private joined(): Uint8Array {
    const all = new Uint8Array(this.sizeBytes);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** The file number to which runner.py writes its answer. */
const ANSWER_FD = 100;
const STDERR_FD = 2;

// Numbers of WASI, as musl has them here.
const ENODEV = 43;
const ENOSYS = 52;
const EROFS = 69;

const O_CHANGES = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000;

/** Memory, clocks, reading, and ends. Kept as they are. */
const HARMLESS = new Set([
  ...[
    '_PyEM_TrampolineCall_JS',
    '_Py_CheckEmscriptenSignals_Helper',
    '__call_sighandler',
    '__assert_fail',
    '_abort_js',
    'exit',
    'proc_exit',
  ],
  ...['emscripten_resize_heap', 'emscripten_get_heap_max', 'emscripten_get_now', 'emscripten_date_now', 'clock_time_get', 'clock_res_get'],
  ...['_tzset_js', '_timegm_js', '_mktime_js', '_localtime_js', '_gmtime_js', 'random_get', 'environ_get', 'environ_sizes_get'],
  ...['__syscall_getuid32_js', '__syscall_faccessat', '__syscall_stat64', '__syscall_lstat64', '__syscall_newfstatat', '__syscall_fstat64'],
  ...[
    '__syscall_getcwd',
    '__syscall_getdents64',
    '__syscall_readlinkat',
    '__syscall_statfs64',
    '__syscall_fstatfs64',
    '__syscall_fadvise64',
  ],
  ...['fd_seek', 'fd_pread', 'fd_fdstat_get', '_emscripten_get_progname', '__syscall_poll'],
]);

/** What each of these answers instead. System calls give the negative number of an error, calls of WASI the number. */
const REFUSED: Record<string, number> = {
  ...answering(-EROFS, ['chmod', 'fchmod', 'fchmodat2', 'fchownat', 'fchown32', 'mkdirat', 'mknodat', 'unlinkat', 'rmdir', 'renameat']),
  ...answering(-EROFS, ['symlinkat', 'truncate64', 'ftruncate64', 'fallocate', 'utimensat']),
  ...answering(-ENOSYS, ['pipe', 'socket', 'accept4', 'bind', 'connect', 'getpeername', 'getsockname', 'getsockopt', 'listen', 'recvfrom']),
  ...answering(-ENOSYS, ['recvmsg', 'sendmsg', 'sendto', 'dup', 'dup3', 'fcntl64', 'ioctl', 'umask_js', 'chdir', 'fchdir']),
  ...answering(0, ['fdatasync']),
  fd_sync: 0,
  fd_pwrite: EROFS,
  _mmap_js: -ENODEV,
  _munmap_js: -ENODEV,
  _msync_js: -ENODEV,
  _setitimer_js: -ENOSYS,
  _emscripten_system: -ENOSYS,
  can_run_sync_js: 0,
  _maybe_poll_async: -ENOSYS,
};

function answering(value: number, calls: readonly string[]): Record<string, number> {
  return Object.fromEntries(calls.map((call) => [`__syscall_${call}`, value]));
}

type Import = (...values: number[]) => number;

export class WasmGate {
  private instance: WebAssembly.Instance | null = null;
  private isShut = false;
  private streams: GateStreams | null = null;
  private stdinAt = 0;
  /** The first import for which a job was ended. */
  breach: string | null = null;

  private exported<T>(name: string): T {
    if (!this.instance) throw new Error('Python has not been started.');
    return this.instance.exports[name] as T;
  }

  /** Starts Python's module with each of its imports behind the gate. */
  async instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    this.instance = await WebAssembly.instantiate(module, this.guardAll(module, imports));
    return this.instance;
  }

  /** All of the module's memory at present. */
  memory(): Uint8Array {
    return new Uint8Array(this.exported<WebAssembly.Memory>('memory').buffer);
  }

  /** Entries of the function table, which only JavaScript can add to. */
  tableLength(): number {
    return this.exported<WebAssembly.Table>('__indirect_function_table').length;
  }

  private guardAll(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Imports {
    const guarded: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      const given = imports[from]?.[name];
      if (kind !== 'function') guarded[from] ??= imports[from] as Record<string, WebAssembly.ImportValue>;
      else (guarded[from] ??= {})[name] = this.guarded(name, given as Import);
    }
    return guarded;
  }

  shut(): void {
    this.isShut = true;
  }

  /** Begins a job. */
  connect(streams: GateStreams): void {
    this.streams = streams;
    this.stdinAt = 0;
    this.breach = null;
  }

  private guarded(name: string, original: Import): Import {
    if (HARMLESS.has(name)) return original;
    // What suspends (no plain function) is refused from the start: nothing here is run in a way that could be suspended.
    const open: Import = typeof original === 'function' ? original : () => this.breachBy(name);
    const special = this.special(name, open);
    const shut: Import = special ?? (Object.hasOwn(REFUSED, name) ? () => REFUSED[name] as number : () => this.breachBy(name));
    return (...values) => (this.isShut ? shut(...values) : open(...values));
  }

  private breachBy(name: string): never {
    this.breach ??= name;
    throw new GateError(`Python called ${name}`);
  }

  private special(name: string, original: Import): Import | null {
    switch (name) {
      case '__syscall_openat':
        return (dir, path, flags, mode) =>
          (flags as number) & O_CHANGES && !this.isNullDevice(path as number)
            ? -EROFS
            : original(dir as number, path as number, flags as number, mode as number);
      case 'fd_close':
        return (fd) => ((fd as number) <= STDERR_FD ? 0 : original(fd as number));
      case 'fd_read':
        return (fd, vectors, count, read) =>
          fd === 0
            ? this.readStdin(vectors as number, count as number, read as number)
            : original(fd as number, vectors as number, count as number, read as number);
      case 'fd_write':
        return (fd, vectors, count, written) => this.write(fd as number, vectors as number, count as number, written as number);
      default:
        return null;
    }
  }

  private isNullDevice(path: number): boolean {
    const name = '/dev/null\0';
    const at = path >>> 0;
    return String.fromCharCode(...this.memory().subarray(at, at + name.length)) === name;
  }

  private readStdin(vectors: number, count: number, read: number): number {
    const stdin = this.streams?.stdin ?? new Uint8Array(0);
    let total = 0;
    for (const bytes of this.pieces(vectors, count)) {
      const piece = stdin.subarray(this.stdinAt, this.stdinAt + bytes.length);
      bytes.set(piece);
      this.stdinAt += piece.length;
      total += piece.length;
    }
    this.put(read, total);
    return 0;
  }

  private write(fd: number, vectors: number, count: number, written: number): number {
    // All else that can be open for writing is standard error and the null device.
    const to = fd === 1 ? this.streams?.stdout : fd === ANSWER_FD ? this.streams?.answer : null;
    let total = 0;
    for (const bytes of this.pieces(vectors, count)) {
      to?.write(bytes);
      total += bytes.length;
    }
    this.put(written, total);
    return 0;
  }

  private *pieces(vectors: number, count: number): Generator<Uint8Array> {
    const memory = this.memory();
    const view = new DataView(memory.buffer);
    for (let i = 0; i < count; i++) {
      const at = view.getUint32((vectors >>> 0) + 8 * i, true);
      yield memory.subarray(at, at + view.getUint32((vectors >>> 0) + 8 * i + 4, true));
    }
  }

  private put(address: number, value: number): void {
    new DataView(this.memory().buffer).setUint32(address >>> 0, value, true);
  }
}
