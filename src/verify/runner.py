# Runs one foreign program in a fresh interpreter and answers in JSON. Executed once, before the image of the heap is taken that every job starts
# from: what is imported here costs a job nothing. Nothing in here is a secret from the program, which can reach all of it; an answer is the
# program's own say, and is checked by whoever reads it.
import abc, array, bisect, calendar, cmath, collections, contextlib, copy, csv, dataclasses, datetime, decimal, enum, fractions, functools
import gc, hashlib, heapq, inspect, io, itertools, json, math, numbers, operator, os, queue, random, re, signal, statistics, string, struct
import sys, textwrap, time, traceback, types, typing, unittest, warnings

MAX_DEPTH = 100
MAX_PARTS = 1_000_000
MAX_CHARACTERS = 4_000_000
MAX_DIGITS = 1_000_000
MAX_MESSAGE = 1_000
MAX_REPR = 200
ANSWER_FD = 100


class Deadline(BaseException):
    pass


class ValueTooLarge(Exception):
    pass


class Encoder:
    """Values as tagged lists and dicts of JSON, with the exact type. Reads containers by their base's own methods, whatever a subclass says. One for
    all values of a job, so that all of them together have a bound."""

    def __init__(self):
        self.parts = 0
        self.characters = 0

    def room(self, characters=0):
        self.parts += 1
        self.characters += characters
        if self.parts > MAX_PARTS:
            raise ValueTooLarge(f'the values of this job have more than {MAX_PARTS} parts')
        if self.characters > MAX_CHARACTERS:
            raise ValueTooLarge(f'the values of this job have more than {MAX_CHARACTERS} characters')

    def encode(self, value, depth=0):
        kind = base_of(type(value))
        if kind is NoneType:
            self.room()
            return {'t': 'none'}
        if kind is bool:
            self.room()
            return {'t': 'bool', 'v': value}
        if kind is int:
            if int.bit_length(value) > MAX_DIGITS * 3.3219:
                raise ValueTooLarge(f'an int has more than {MAX_DIGITS} digits')
            text = int.__repr__(value)
            self.room(len(text))
            return {'t': 'int', 'v': text}
        if kind is float:
            self.room()
            return {'t': 'float', 'v': float.__repr__(value)}
        if kind is complex:
            self.room()
            return {'t': 'complex', 'v': [float.__repr__(value.real), float.__repr__(value.imag)]}
        if kind is str:
            self.room(str.__len__(value))
            return {'t': 'str', 'v': str.__str__(value)}
        if kind is bytes:
            self.room(4 * bytes.__len__(value))
            return {'t': 'bytes', 'v': [*bytes.__iter__(value)]}
        if kind in CONTAINERS:
            if depth >= MAX_DEPTH:
                raise ValueTooLarge(f'the value is nested more than {MAX_DEPTH} deep')
            self.room()
            if kind is dict:
                pairs = [*dict.items(value)]
                return {'t': 'dict', 'v': [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in pairs]}
            return {'t': kind.__name__, 'v': [self.encode(v, depth + 1) for v in [*kind.__iter__(value)]]}
        self.room()
        return {'t': 'other', 'name': name_of(type(value)), 'repr': said(lambda: repr(value), MAX_REPR)}


NoneType = type(None)
CONTAINERS = (list, tuple, set, frozenset, dict)
BASES = (NoneType, bool, int, float, complex, str, bytes, *CONTAINERS)
# Compare as a dict does, though with methods of their own.
DICTS = (collections.OrderedDict, collections.Counter, collections.defaultdict)


def base_of(kind):
    """The built-in type whose comparison values of this type use, or None."""
    if kind in BASES:
        return kind
    if kind in DICTS:
        return dict
    for base in type.__getattribute__(kind, '__mro__'):
        if base in BASES:
            own = ['__eq__' in type.__getattribute__(k, '__dict__') for k in kind.__mro__[: kind.__mro__.index(base)]]
            return None if True in own else base
    return None


def said(text, limit):
    try:
        value = text()
        return str.__str__(value)[:limit] if isinstance(value, str) else ''
    except Deadline:
        raise
    except BaseException:
        return '<its text could not be made>'


def name_of(kind):
    return said(lambda: kind.__qualname__ if kind.__module__ in ('builtins', '__main__') else f'{kind.__module__}.{kind.__qualname__}', MAX_REPR)


def exception_text(error):
    name, message = name_of(type(error)), said(lambda: str(error), MAX_MESSAGE)
    return f'{name}: {message}' if message else name


def run_job(job, answer):
    main = types.ModuleType('__main__')
    main.__builtins__ = __builtins__
    sys.modules['__main__'] = main
    space = main.__dict__
    try:
        exec(compile(job['source'], '<program>', 'exec', dont_inherit=True), space)
    except Deadline:
        raise
    except MemoryError as error:
        answer.update(end='memory', message=exception_text(error))
        return
    except BaseException as error:
        answer.update(end='exception', message=exception_text(error))
        return
    encoder = Encoder()
    for call in job['calls']:
        began = time.perf_counter()
        used = encoder.parts, encoder.characters
        try:
            value = eval(compile(call, '<call>', 'eval', dont_inherit=True), space)
            digits = sys.get_int_max_str_digits()
            sys.set_int_max_str_digits(0)
            try:
                encoded = encoder.encode(value)
            finally:
                sys.set_int_max_str_digits(digits)
            outcome = {'ok': True, 'value': encoded}
        except Deadline:
            raise
        except BaseException as error:
            encoder.parts, encoder.characters = used
            outcome = {'ok': False, 'exception': exception_text(error)}
            if isinstance(error, MemoryError):
                answer.update(end='memory', message=outcome['exception'])
        answer['calls'].append({**outcome, 'timeMs': 1000 * (time.perf_counter() - began)})
        if answer['end'] == 'memory':
            return


def run(text):
    del sys.modules['_sandbox']
    stdout = sys.stdout
    dumps, write, limit_recursion = json.dumps, os.write, sys.setrecursionlimit
    ignore_interrupt = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    answer = {'end': 'finished', 'message': '', 'calls': []}
    try:
        run_job(json.loads(text), answer)
    except Deadline:
        answer.update(end='timeout', message='')
    ignore_interrupt()
    limit_recursion(10 * MAX_DEPTH)
    try:
        stdout.flush()
    except BaseException:
        pass
    left = memoryview(dumps(answer).encode())
    while left:
        left = left[write(ANSWER_FD, left) :]


def on_interrupt(_number, _frame):
    raise Deadline


BRIDGES = ('js', 'pyodide_js', 'pyodide', '_pyodide', '_pyodide_core')


def lock():
    """The last thing before the image is taken: what leads to JavaScript goes, and what is left is as in plain Python."""
    for name in [*sys.modules]:
        if name.partition('.')[0] in (*BRIDGES, 'asyncio'):
            del sys.modules[name]
    for name in BRIDGES:
        sys.modules[name] = None
    plain = ('BuiltinImporter', 'FrozenImporter', 'PathFinder')
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, '__name__', '') in plain]
    sys.excepthook = sys.__excepthook__
    sys.argv[:] = ['program.py']
    random.seed(0)
    signal.signal(signal.SIGINT, on_interrupt)
    gc.collect()
    gc.freeze()
