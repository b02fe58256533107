// Foreign Python in the page's own sandbox, in a real browser: hostile programs end as they must, in time, the next program finds everything as it was,
// and programs beside them go on. Deadlines here are wide, for machines that are busy with other work.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePage } from '../../scripts/build.mjs';
import { openHeadlessSandbox } from '../../src/headless/pythonSandbox.ts';
import type { PythonOutcome, PythonSandbox, PythonValue } from '../../src/verify/python.ts';

const DEADLINE_MS = 1_000;
/** For what ends by itself. */
const WIDE_MS = 30_000;
const START_LIMIT_MS = 400_000;

interface Attempt {
  source: string;
  end: PythonOutcome['end'];
  message: RegExp;
  stdout?: RegExp;
  deadlineMs?: number;
}

const AGAIN = "import sys\nfor name in ('_pyodide_core', 'pyodide', '_pyodide', 'js', 'pyodide_js'): sys.modules.pop(name, None)\n";

/** Time is up: nothing that a program does can put the end off. */
const LOOPS: Record<string, Attempt> = {
  'a loop without end': { source: 'while True: pass', end: 'timeout', message: /^not done after 1000 ms$/ },
  'a loop that catches everything': {
    source: 'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    end: 'timeout',
    message: /^not done after/,
  },
  'time.sleep': { source: 'import time\ntime.sleep(1000)', end: 'timeout', message: /^not done after/ },
  'one long operation': { source: 'x = 10 ** (10 ** 8)', end: 'timeout', message: /^not done after/ },
  'a handler that ignores the interrupt': {
    source: 'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass',
    end: 'timeout',
    message: /^not done after/,
  },
  'recursion without a limit': {
    source: 'import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1)\nf(0)',
    end: 'timeout',
    message: /^not done after/,
  },
  'printing without end': {
    source: 'while True: print("x" * 1000)',
    end: 'timeout',
    message: /^not done after/,
    stdout: /^([x\n]{65536})?$/,
  },
  'a flood on the answer channel': {
    source: 'import os\nwhile True: os.write(100, b"x" * 1000000)',
    end: 'timeout',
    message: /^not done after/,
  },
};

/** What ends by itself: with an exception that the program could have caught, or with its interpreter. */
const ATTEMPTS: Record<string, Attempt> = {
  'deep recursion': { source: 'def f(n): return f(n + 1)\nf(0)', end: 'exception', message: /^RecursionError: / },
  'deep recursion below Python': {
    source: 'import sys\nsys.setrecursionlimit(10**9)\nclass A:\n  def __getattr__(self, n): return getattr(self, n + "x")\nA().y',
    end: 'killed',
    message: /^its interpreter failed: Maximum call stack/,
  },
  'sys.exit': { source: 'import sys\nsys.exit(3)', end: 'exception', message: /^SystemExit: 3$/ },
  'os._exit': { source: 'print("a", flush=True)\nimport os\nos._exit(0)', end: 'killed', message: /exit code 0$/, stdout: /^a\n$/ },
  'os.abort': { source: 'import os\nos.abort()', end: 'killed', message: /^its interpreter failed/ },
  'a signal to itself': {
    source: 'import os\nos.kill(os.getpid(), 9)',
    end: 'killed',
    message: /^it tried to leave the sandbox|exit code/,
  },
  'a forged answer before the end': {
    source: 'import json, os\nos.write(100, json.dumps({"end": "finished", "message": "", "calls": []}).encode())\nos._exit(0)',
    end: 'killed',
    message: /exit code 0$/,
  },
  '1 GB at once': { source: 'x = bytearray(1 << 30)', end: 'memory', message: /^MemoryError/ },
  '2 GB by and by': { source: 'a = []\nwhile True: a.append(bytearray(10 << 20))', end: 'memory', message: /^MemoryError/ },
  'output of 100 MB': {
    source: 'import os\nfor i in range(1000): os.write(1, b"y" * 100_000)',
    end: 'finished',
    message: /^$/,
    stdout: /^y{65536}$/,
  },
  'fetch by js': { source: 'import js\njs.fetch("http://localhost/")', end: 'exception', message: /^ModuleNotFoundError: import of js/ },
  'indexedDB by js': { source: 'from js import indexedDB', end: 'exception', message: /^ModuleNotFoundError/ },
  'parent and top by js': { source: 'from js import parent, top', end: 'exception', message: /^ModuleNotFoundError/ },
  pyodide_js: { source: 'import pyodide_js', end: 'exception', message: /^ModuleNotFoundError/ },
  'pyodide.http': { source: 'import pyodide.http', end: 'exception', message: /^ModuleNotFoundError/ },
  micropip: { source: 'import micropip', end: 'exception', message: /^ModuleNotFoundError/ },
  '_pyodide_core, taken up again': {
    source: `${AGAIN}import _pyodide_core\n_pyodide_core.create_once_callable(print)`,
    end: 'killed',
    message: /^it tried to leave the sandbox: Python called create_once_callable$/,
  },
  'run_js, taken up again': {
    source: `${AGAIN}from pyodide.code import run_js\nprint(run_js("self.location.href"))`,
    end: 'exception',
    message: /^ModuleNotFoundError: No module named 'js'$/,
  },
  ctypes: {
    source: 'import ctypes\nctypes.memset(0, 65, 1 << 20)',
    end: 'killed',
    message: /^it tried to leave the sandbox: Python called ffi_/,
  },
  'walking the heap for JavaScript': {
    source:
      'import gc\nseen, stack = set(), [object]\nwhile stack:\n  o = stack.pop()\n  if id(o) in seen: continue\n  seen.add(id(o))\n' +
      '  if type(o).__name__.startswith("Js"): getattr(o, "fetch", lambda x: 0)("http://localhost/")\n  stack.extend(gc.get_referents(o))\n' +
      '  if isinstance(o, type): stack.extend(type.__subclasses__(o))\n',
    end: 'finished',
    message: /^$|^it tried to leave the sandbox/,
    stdout: /^$/,
  },
  'a look-up of a host': {
    source: 'import socket\nsocket.gethostbyname("example.com")',
    end: 'killed',
    message: /^it tried to leave the sandbox: Python called getaddrinfo$/,
  },
  'a socket': { source: 'import socket\nsocket.socket()', end: 'exception', message: /^OSError: \[Errno 52\]/ },
  'a thread': {
    source: 'import threading\nthreading.Thread(target=print).start()',
    end: 'exception',
    message: /^RuntimeError: can't start/,
  },
  'a process': { source: 'import subprocess\nsubprocess.run(["ls"])', end: 'exception', message: /^OSError/ },
  'writing to /': { source: 'open("/x", "w")', end: 'exception', message: /^OSError: \[Errno 69\] Read-only file system/ },
  'writing over the library': { source: 'open("/lib/python314.zip", "r+b")', end: 'exception', message: /^OSError: \[Errno 69\]/ },
  'taking the library away': {
    source: 'import os\nos.unlink("/lib/python314.zip")',
    end: 'exception',
    message: /^OSError: \[Errno 69\] Read-only file system/,
  },
  'leaving the folder': { source: 'import os\nos.chdir("/")', end: 'exception', message: /^OSError/ },
  'closing its streams': {
    source: 'import os\nfor i in range(3): os.close(i)\nprint("still here")',
    end: 'finished',
    message: /^$/,
    stdout: /^still here\n$/,
  },
};

/** Finds everything as it was, or says what is not. */
const CLEAN = `
import builtins, gc, json, math, os, random, re, sys
assert __name__ == '__main__' and len(globals()) < 20, list(globals())
assert builtins.len('abc') == 3 and json.dumps([1]) == '[1]' and re.match('a+', 'aa').end() == 2 and math.pi > 3
assert sys.getrecursionlimit() == 1000 and sys.get_int_max_str_digits() == 4300 and not hasattr(sys, 'left_here')
assert os.getcwd() == '/home/pyodide' and os.listdir('.') == [] and 'LEFT_HERE' not in os.environ
assert open('/lib/python314.zip', 'rb').read(2) == b'PK'
assert random.random() == 0.8444218515250481
print(sys.stdin.read(), len(sys.modules))
`;

let sandbox: PythonSandbox;
let modules: number;

beforeAll(async () => {
  await ensurePage();
  sandbox = await openHeadlessSandbox();
  const first = await sandbox.run({ source: CLEAN, stdin: 'given', deadlineMs: START_LIMIT_MS });
  expect(first).toMatchObject({ end: 'finished', message: '' });
  modules = Number(/^given (\d+)\n$/.exec(first.stdout)?.[1]);
}, START_LIMIT_MS);
afterAll(() => sandbox?.close());

describe('R26 hostile programs in the Python sandbox', () => {
  async function expectClean(): Promise<void> {
    const next = await sandbox.run({ source: CLEAN, stdin: 'given', calls: ['sum(range(5))'], deadlineMs: WIDE_MS });
    expect(next).toMatchObject({
      end: 'finished',
      message: '',
      stdout: `given ${modules}\n`,
      calls: [{ ok: true, value: { t: 'int', v: '10' } }],
    });
  }

  async function expectEnd(attempt: Attempt, deadlineMs: number): Promise<void> {
    const outcome = await sandbox.run({ source: attempt.source, calls: ['1 + 1'], deadlineMs });
    expect(outcome.message).toMatch(attempt.message);
    if (!attempt.message.test('')) expect(outcome.end).toBe(attempt.end);
    if (attempt.stdout) expect(outcome.stdout).toMatch(attempt.stdout);
    expect(outcome.calls.length).toBe(outcome.end === 'finished' ? 1 : 0);
  }

  it.each(Object.keys(LOOPS))('%s ends at its deadline; the next program is clean', async (name) => {
    const beganMs = performance.now();
    await expectEnd(LOOPS[name] as Attempt, DEADLINE_MS);
    expect(performance.now() - beganMs).toBeLessThan(20 * DEADLINE_MS);
    await expectClean();
  });

  it.each(Object.keys(ATTEMPTS))('%s gets nowhere; the next program is clean', async (name) => {
    await expectEnd(ATTEMPTS[name] as Attempt, WIDE_MS);
    await expectClean();
  });

  it.each([
    'import builtins, json, math, os, re, sys\nbuiltins.len = lambda x: 0\nbuiltins.print = None\njson.dumps = lambda *a, **k: "forged"\nmath.pi = 0',
    'import os, random, signal, sys\nos.write = None\nsys.left_here = 1\nsys.setrecursionlimit(50)\nrandom.seed(7)\nsignal.signal = None',
    'import builtins, sys\nbuiltins.sorted = lambda *a: True\nbuiltins.__import__ = None\nsys.modules.clear()\nsys.stdout = sys.stdin = None',
    'import os, sys\nos.environ["LEFT_HERE"] = "1"\nsys.set_int_max_str_digits(0)\nf = [open("/lib/python314.zip", "rb") for i in range(20)]',
    'import sys\nf = sys._getframe()\nwhile f:\n  f.f_globals["dumps"] = f.f_globals["answer"] = None\n  f = f.f_back\nx = bytearray(40 << 20)',
  ])('changes to modules and builtins do not reach the next program (%#)', async (source) => {
    const outcome = await sandbox.run({ source, calls: ['1 + 1'], deadlineMs: WIDE_MS });
    expect(outcome).toMatchObject({ end: 'finished', calls: [{ ok: true, value: { t: 'int', v: '2' } }] });
    await expectClean();
  });

  it('other programs go on beside hostile ones, each with its own answer', async () => {
    const hostile = [
      'while True: pass',
      'import os\nos._exit(1)',
      'x = bytearray(1 << 30)',
      'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    ];
    const bad = [...hostile, ...hostile].map((source) => sandbox.run({ source, deadlineMs: DEADLINE_MS }));
    const good = Array.from({ length: 40 }, (_, i) =>
      sandbox.run({ source: `def f(x): return x * ${i}`, calls: ['f(3)', 'f("a")'], deadlineMs: WIDE_MS }),
    );
    for (const [i, outcome] of (await Promise.all(good)).entries())
      expect(outcome).toMatchObject({
        end: 'finished',
        calls: [{ value: { t: 'int', v: String(3 * i) } }, { value: { t: 'str', v: 'a'.repeat(i) } }],
      });
    for (const outcome of await Promise.all(bad)) expect(['timeout', 'killed', 'memory']).toContain(outcome.end);
  });
});

describe('the Python sandbox', () => {
  const values = async (expressions: string[], source = ''): Promise<PythonValue[]> => {
    const { end, calls } = await sandbox.run({ source, calls: expressions, deadlineMs: WIDE_MS });
    expect(end).toBe('finished');
    return calls.map((call) => {
      if (!call.ok) throw new Error(call.exception);
      return call.value;
    });
  };

  it('answers values with their exact types', async () => {
    const int = (v: number | string): PythonValue => ({ t: 'int', v: String(v) });
    expect(
      await values([
        'None',
        '[True, 1, 1.0, -0.0, 1e400, float("nan"), 1e22, 2j]',
        '"é\\ud800\\U0001f600"',
        'b"\\x00\\xff"',
        '((), (1,), frozenset({1}), {2})',
        '{1: "a", (1, 2): {"b": None}}',
        '-10**30',
      ]),
    ).toEqual([
      { t: 'none' },
      {
        t: 'list',
        v: [
          { t: 'bool', v: true },
          int(1),
          ...['1.0', '-0.0', 'inf', 'nan', '1e+22'].map((v) => ({ t: 'float', v })),
          { t: 'complex', v: ['0.0', '2.0'] },
        ],
      },
      { t: 'str', v: 'é\ud800\u{1f600}' },
      { t: 'bytes', v: [0, 255] },
      {
        t: 'tuple',
        v: [
          { t: 'tuple', v: [] },
          { t: 'tuple', v: [int(1)] },
          { t: 'frozenset', v: [int(1)] },
          { t: 'set', v: [int(2)] },
        ],
      },
      {
        t: 'dict',
        v: [
          [int(1), { t: 'str', v: 'a' }],
          [
            { t: 'tuple', v: [int(1), int(2)] },
            { t: 'dict', v: [[{ t: 'str', v: 'b' }, { t: 'none' }]] },
          ],
        ],
      },
      int(`-1${'0'.repeat(30)}`),
    ]);
    const [long] = await values(['10**20000']);
    expect(long).toEqual(int(`1${'0'.repeat(20_000)}`));
  });

  it('takes subclasses that compare as their base for it, and nothing that compares by itself', async () => {
    const source = `
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
P = namedtuple('P', 'x y')
class E(IntEnum): A = 3
class Equal:
  def __eq__(self, other): return True
  def __repr__(self): return '42' * 200
class Sly(list):
  def __eq__(self, other): return True
class Shown(list):
  def __iter__(self): return iter([42])
  def __len__(self): return 1
class Bad:
  def __repr__(self): raise SystemExit
`;
    expect(
      await values(['P(1, E.A)', 'Counter("aa")', 'defaultdict(int)', 'Shown([1, 2])', 'Equal()', 'Sly([1])', 'Bad()', 'range(3)'], source),
    ).toEqual([
      {
        t: 'tuple',
        v: [
          { t: 'int', v: '1' },
          { t: 'int', v: '3' },
        ],
      },
      {
        t: 'dict',
        v: [
          [
            { t: 'str', v: 'a' },
            { t: 'int', v: '2' },
          ],
        ],
      },
      { t: 'dict', v: [] },
      {
        t: 'list',
        v: [
          { t: 'int', v: '1' },
          { t: 'int', v: '2' },
        ],
      },
      { t: 'other', name: 'Equal', repr: '42'.repeat(100) },
      { t: 'other', name: 'Sly', repr: '[1]' },
      { t: 'other', name: 'Bad', repr: '<its text could not be made>' },
      { t: 'other', name: 'range', repr: 'range(0, 3)' },
    ]);
  });

  it('says what is too large or too deep, and goes on with the next call', async () => {
    const { end, calls } = await sandbox.run({
      source: 'a = []\nfor i in range(200): a = [a]\nb = []\nb.append(b)',
      calls: ['a', 'b', '"x" * 5_000_000', '1 << 4_000_000', '[0] * 2_000_000', '7'],
      deadlineMs: WIDE_MS,
    });
    expect(end).toBe('finished');
    expect(calls.map((call) => (call.ok ? call.value : call.exception))).toEqual([
      expect.stringMatching(/^_sandbox\.ValueTooLarge: the value is nested more than 100 deep$/),
      expect.stringMatching(/nested more than 100 deep$/),
      expect.stringMatching(/^_sandbox\.ValueTooLarge: the values of this job have more than 4000000 characters$/),
      expect.stringMatching(/an int has more than 1000000 digits$/),
      expect.stringMatching(/the values of this job have more than 1000000 parts$/),
      { t: 'int', v: '7' },
    ]);
  });

  it('runs a program as __main__ with its input, and gives what it prints', async () => {
    const source = `
import sys
from dataclasses import dataclass
@dataclass
class A:
  x: int
if __name__ == '__main__':
  n = int(input())
  print(A(n), sys.stdin.readline().strip(), open(0).read().split())
  print('not seen', file=sys.stderr)
  with open('/dev/null', 'w') as f: print('nor this', file=f)
  import time; time.sleep(0.001)
`;
    const outcome = await sandbox.run({ source, stdin: '3\nline é\nand the\nrest', deadlineMs: WIDE_MS });
    expect(outcome).toMatchObject({ end: 'finished', message: '', calls: [] });
    expect(outcome.stdout).toMatch(/^A\(x=3\) line é \[/);
  });

  it.each([
    ['x = ', 'SyntaxError: invalid syntax (<program>, line 1)'],
    ['assert 1 == 2', 'AssertionError'],
    ['raise ValueError("because")', 'ValueError: because'],
    ['class E(Exception):\n  def __str__(self): raise SystemExit\nraise E', 'E: <its text could not be made>'],
    ['raise KeyboardInterrupt', 'KeyboardInterrupt'],
    ['import decimal\ndecimal.Decimal("x")', "decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]"],
  ])('says what %j raised', async (source, message) => {
    expect(await sandbox.run({ source, calls: ['1'], deadlineMs: WIDE_MS })).toMatchObject({ end: 'exception', message, calls: [] });
  });

  it('keeps the answers up to the call during which the time was up', { retry: 3 }, async () => {
    const outcome = await sandbox.run({
      source: 'def f(n):\n  while n > 1: pass\n  return n',
      calls: ['f(0)', 'g(0)', 'f(1)', 'f(2)', 'f(0)'],
      deadlineMs: 2 * DEADLINE_MS,
    });
    expect(outcome.end).toBe('timeout');
    expect(outcome.calls.map((call) => (call.ok ? call.value : call.exception))).toEqual([
      { t: 'int', v: '0' },
      "NameError: name 'g' is not defined",
      { t: 'int', v: '1' },
    ]);
  });

  it('counts lack of memory during a call as the end of the program', async () => {
    const outcome = await sandbox.run({
      source: 'def f(n): return bytes(n)[0]',
      calls: ['f(1)', 'f(1 << 30)', 'f(1)'],
      deadlineMs: WIDE_MS,
    });
    expect(outcome).toMatchObject({
      end: 'memory',
      message: 'MemoryError',
      calls: [{ ok: true }, { ok: false, exception: 'MemoryError' }],
    });
    expect(outcome.calls.length).toBe(2);
  });
});
