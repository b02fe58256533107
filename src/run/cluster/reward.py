"""Rewards of the tasks in data/, as the lab gives them: 1.0 where everything holds, else 0.0. Standard library alone.

    compute_score(data_source, solution_str, ground_truth, extra_info)   verl; what all the others call
    reward(prompts, completions, ground_truth, **columns)                TRL
    reward_func(queries, prompts, labels)                                OpenRLHF (needs torch, as OpenRLHF does)

ground_truth is the JSON text that stands in every row of data/. Line tasks are judged by their rules: words that the environment writes are taken from the
row, whatever the model wrote in their place. Python tasks run the prompt with the completion and its tests in a process of its own, with a deadline and a
memory limit. THAT IS NO SANDBOX: such a program can read and write files and reach the network. Run it where that does no harm.

Where it differs from the lab's verifier: a program shares its process with what it is judged by, so a hostile one can pass; EvalPlus's special oracles of a
few tasks are left out, their outputs are compared like all others.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from decimal import Decimal, InvalidOperation

MEMORY_BYTES = 2 << 30
START_SECONDS = 2.0
OUTPUT_BYTES = 1 << 20
CALLS_SECONDS = 30.0
CONTEST_IMPORTS = ''.join(
    f'from {name} import *\n'
    for name in 'string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json builtins typing'.split()
) + 'import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools, operator, io, sys, json\nsys.setrecursionlimit(50000)\n'


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    truth = json.loads(ground_truth) if isinstance(ground_truth, str) else ground_truth
    if truth['kind'] == 'lines':
        return _lines(truth, solution_str)
    if truth['kind'] == 'python':
        return _python(truth, solution_str)
    raise ValueError(f'ground_truth of an unknown kind {truth["kind"]!r}: this file and data/ are not of one export')


def reward(prompts, completions, ground_truth, **columns):
    return [compute_score(None, _text(completion), truth) for completion, truth in zip(completions, ground_truth, strict=True)]


def reward_func(queries, prompts, labels, **_):
    import torch

    scores = [compute_score(None, query[len(prompt):] if query.startswith(prompt) else query, label) for query, prompt, label in zip(queries, prompts, labels, strict=True)]
    rewards = torch.tensor(scores, dtype=torch.float32)
    return {'rewards': rewards, 'scores': rewards, 'extra_logs': {}}


def _text(completion):
    return completion if isinstance(completion, str) else ''.join(message['content'] for message in completion)


# Line tasks


def _lines(truth, solution):
    written = _read(truth, solution.split())
    return 1.0 if written is not None and JUDGES[truth['task']](truth, written) else 0.0


def _read(truth, words):
    """The words of each line, without decisions and thoughts; None where they cannot be read."""
    rest = iter(words)
    lines = []
    for line in truth['lines']:
        decision = next(rest, None)
        if decision == truth['think']:
            next(rest, None)
        elif decision != truth['act']:
            return None
        own = []
        for word, sampled in zip(line['words'], line['sampled'], strict=True):
            found = next(rest, None)
            if found is None and sampled:
                return None
            own.append(found if sampled else word)
        lines.append(own)
    return lines


def _announced(truth, t):
    """What is announced for line t: by the prompt for the first, by the line before for the others."""
    return truth['prompt'][-1] if t == 0 else truth['lines'][t - 1]['words'][1]


def _next(x):
    """The symbol after x among a to f; a for what is none."""
    return chr((ord(x) - 96) % 6 + 97) if len(x) == 1 and 'a' <= x <= 'f' else 'a'


def _recall(truth, written):
    key, x = truth['prompt'][1], truth['prompt'][2]
    for t, line in enumerate(written):
        wanted = key if _announced(truth, t) == '<recall>' else _next(x)
        x = line[0]
        if x != wanted:
            return False
    return True


def _sections(truth, written):
    key, x = None, truth['prompt'][1]
    for t, line in enumerate(written):
        mode = _announced(truth, t)
        if mode.startswith('<section_'):
            key = mode[len('<section_'):-1]
        wanted = key if mode == '<recall>' else _next(x)
        x = line[0]
        if x != wanted:
            return False
    return True


def _pointers(truth, written):
    table = dict(pair.split(':_') for pair in truth['prompt'] if ':_' in pair)
    x = truth['prompt'][-2]
    for t, line in enumerate(written):
        wanted = table.get(x)
        if _announced(truth, t) == '<hard>':
            wanted = table.get(wanted)
        x = line[0]
        if x != wanted:
            return False
    return True


def _cumulated(x):
    return [sum(x[: i + 1]) % 10 for i in range(len(x))]


PRIMITIVES = {
    'reverse': lambda x: x[::-1],
    'sort': sorted,
    'rotate': lambda x: x[1:] + x[:1],
    'increment': lambda x: [(d + 1) % 10 for d in x],
    'double': lambda x: [2 * d % 10 for d in x],
    'negate': lambda x: [-d % 10 for d in x],
    'swap': lambda x: [x[1], x[0], *x[2:]],
    'cumsum': _cumulated,
    'diff': lambda x: [x[0], *((b - a) % 10 for a, b in zip(x, x[1:]))],
}


def _macros(truth, written):
    """Any program counts that turns the shown and two hidden inputs into what the expert's does."""

    def run(names, x):
        for name in names:
            if name not in PRIMITIVES:
                return None
            x = list(PRIMITIVES[name](x))
        return x

    wanted = [line['words'][0] for line in truth['lines']]
    found = [line[0] for line in written]
    shown = [[int(d) for d in truth['prompt'][1 + 11 * k : 6 + 11 * k]] for k in range(3)]
    return all(run(found, x) == run(wanted, x) for x in [*shown, [3, 1, 4, 1, 5], [9, 2, 6, 8, 7]])


JUDGES = {'recall-lines': _recall, 'control-lines': _recall, 'section-lines': _sections, 'pointer-lines': _pointers, 'macro-lists': _macros}


# Python tasks


def _python(truth, solution):
    ends = [at for at in (solution.find(stop) for stop in truth['stop']) if at >= 0]
    program = truth['prompt'] + solution[: min(ends, default=len(solution))]
    tests, seconds = truth['tests'], truth['deadline_ms'] / 1000
    if tests['kind'] == 'stdin':
        return 1.0 if all(_prints(CONTEST_IMPORTS + program, case, seconds) for case in tests['cases']) else 0.0
    source = _source(truth, program)
    if tests['kind'] == 'calls':
        seconds = min(CALLS_SECONDS, seconds * (len(tests['cases']) + 1))
    if tests['kind'] == 'inputs':
        seconds *= 2  # the reference solution runs too
    nonce = uuid.uuid4().hex
    code, out = _run(f'{source}\nprint({nonce!r})\n', '', seconds)
    return 1.0 if code == 0 and out.rstrip().endswith(nonce) else 0.0


SAME = """
def _close(a, b, atol):
    if isinstance(b, float) or isinstance(a, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) <= atol + 1e-7 * abs(b)
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(_close(x, y, atol) for x, y in zip(a, b))
    return a == b


def _floats(x):
    return isinstance(x, float) or (isinstance(x, (list, tuple)) and len(x) > 0 and all(isinstance(y, float) for y in x))


def _same(a, b, atol):
    if a == b:
        return True
    tolerance = 1e-6 if atol == 0 and _floats(b) else atol
    return tolerance != 0 and type(a) is type(b) and _close(a, b, tolerance)
"""


def _source(truth, program):
    """A script that ends without an exception where every test holds. The program is no __main__, as in the official harnesses."""
    tests = truth['tests']
    begin = "_space = {'__name__': 'program'}\n"
    run = f"exec(compile({program!r}, '<program>', 'exec'), _space)\n"
    entry = truth['entry_point']
    if tests['kind'] == 'check':
        return f"{begin}{run}exec(compile({tests['source']!r}, '<tests>', 'exec'), _space)\n_space['check'](_space[{entry!r}])"
    if tests['kind'] == 'asserts':
        text = '\n'.join([truth['setup'], *tests['asserts']])
        return f"{begin}{run}exec(compile({text!r}, '<tests>', 'exec'), _space)"
    if tests['kind'] == 'calls':
        begin += f"exec({CONTEST_IMPORTS!r}, _space)\n"
        target = f"getattr(_space['Solution'](), {entry!r})" if 'class Solution' in program else f'_space[{entry!r}]'
        cases = ''.join(f"    (({case['args']}{',' if case['args'] else ''}), [{', '.join(case['expected'])}]),\n" for case in tests['cases'])
        return (
            f'{begin}{run}_target = {target}\nfor _args, _expected in [\n{cases}]:\n    _result = _target(*_args)\n'
            '    _result = list(_result) if isinstance(_result, tuple) else _result\n    assert any(_result == each for each in _expected)'
        )
    if tests['kind'] == 'inputs':
        inputs = ''.join(f"    lambda: ({source}{',' if source else ''}),\n" for source in tests['inputs'])
        return (
            f"{begin}{run}_truth = {{'__name__': 'program'}}\nexec(compile({truth['prompt'] + truth['solution']!r}, '<solution>', 'exec'), _truth)\n{SAME}\n"
            f"for _input in [\n{inputs}]:\n    assert _same(_space[{entry!r}](*_input()), _truth[{entry!r}](*_input()), {tests['atol']!r})"
        )
    raise ValueError(f'tests of an unknown kind {tests["kind"]!r}')


def _prints(program, case, seconds):
    code, out = _run(program, case['input'], seconds)
    return code == 0 and _same_output(out, case['output'])


def _same_output(a, b):
    x, y = ([line.strip() for line in text.strip().split('\n')] for text in (a, b))
    return len(x) == len(y) and all(p == q or _same_decimals(p, q) for p, q in zip(x, y))


def _same_decimals(a, b):
    try:
        x, y = ([Decimal(word) for word in line.split()] for line in (a, b))
    except InvalidOperation:
        return False
    return len(x) == len(y) and len(x) > 0 and all(p == q for p, q in zip(x, y))


def _run(source, stdin, seconds):
    """Exit code (None where it ran out of time) and the beginning of what was printed."""
    limit = f'try:\n    import resource\n    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))\nexcept Exception:\n    pass\n'
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as given:
        path = os.path.join(folder, 'program.py')
        with open(path, 'w', encoding='utf-8', errors='surrogatepass') as file:
            # a program of its own, so that a `from __future__` at its top stays at the top
            file.write(f"{limit}exec(compile({source!r}, '<script>', 'exec', dont_inherit=True), {{'__name__': '__main__'}})\n")
        given.write(stdin.encode())
        given.seek(0)
        process = subprocess.Popen([sys.executable, '-I', path], stdin=given, stdout=out, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True)
        try:
            code = process.wait(seconds + START_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (AttributeError, ProcessLookupError, PermissionError):
                process.kill()
            process.wait()
        size = out.seek(0, os.SEEK_END)
        out.seek(max(0, size - OUTPUT_BYTES))
        return code, out.read().decode('utf-8', 'replace')
