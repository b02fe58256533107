"""Verdicts of the official harnesses on right, wrong, slow and hostile samples of small problems, all made here.

The harnesses are written after openai/human-eval's execution.py (forked process, alarm, reliability guard) and EvalPlus's eval/__init__.py with the
defaults of its evaluate.py (fail fast, limits from the reference's times, numpy's allclose, special oracles). Linux, CPython 3.11 or later, numpy.

    python test/golden/make_official_verdicts.py test/golden/official_verdicts.json
"""

import contextlib
import copy
import io
import json
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time

import numpy as np


class TimeoutException(Exception):
    pass


class WriteOnly(io.StringIO):
    def read(self, *args, **kwargs):
        raise IOError

    readline = readlines = read

    def readable(self, *args, **kwargs):
        return False


@contextlib.contextmanager
def swallow_io():
    stream, stdin = WriteOnly(), sys.stdin
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        sys.stdin = stream
        try:
            yield
        finally:
            sys.stdin = stdin


@contextlib.contextmanager
def time_limit(seconds):
    def handler(signum, frame):
        raise TimeoutException("Timed out!")

    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def guard(no_open):
    import builtins

    builtins.exit = builtins.quit = None
    builtins.help = None
    for name in (
        "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace unlink fchmod fchown chmod "
        "chown chroot lchflags lchmod lchown getcwd chdir"
    ).split():
        setattr(os, name, None)
    if no_open:
        builtins.open = None
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None


def in_process(target, args, timeout):
    process = multiprocessing.Process(target=target, args=args)
    process.start()
    process.join(timeout=timeout)
    if process.is_alive():
        process.kill()
        process.join()


# --- HumanEval and MBPP


def execute(program, timeout, result):
    os.chdir(tempfile.mkdtemp())
    guard(False)
    try:
        with swallow_io():
            with time_limit(timeout):
                exec(program, {})
        result.append("passed")
    except TimeoutException:
        result.append("timed out")
    except BaseException as e:
        result.append(f"failed: {e}")


def check(program, timeout=3.0):
    result = multiprocessing.Manager().list()
    in_process(execute, (program, timeout, result), timeout + 1)
    return result[0] if result else "timed out"


# --- EvalPlus

SET_TASKS = ["similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum", "intersection_array", "find_dissimilar", "Diff"]
NOT_NONE_TASKS = ["check_str", "text_match_three", "text_starta_endb"]


def surface_area(base_edge, height):
    slant_height = math.sqrt((base_edge / 2) ** 2 + height**2)
    return round(base_edge**2 + 4 * (base_edge * slant_height) / 2)


def digit_distance(num1, num2):
    a, b = str(num1), str(num2)
    length = max(len(a), len(b))
    return sum(abs(int(x) - int(y)) for x, y in zip(a.zfill(length), b.zfill(length)))


def poly(xs, x):
    return sum(coeff * math.pow(x, i) for i, coeff in enumerate(xs))


def is_floats(x):
    return isinstance(x, float) or (isinstance(x, (list, tuple)) and len(x) > 0 and all(isinstance(i, float) for i in x))


def truths(problem, inputs):
    space = {}
    exec(problem["prompt"] + problem["canonical_solution"], space)
    fn, values, times = space[problem["entry_point"]], [], []
    for inp in copy.deepcopy(inputs):
        start = time.time()
        value = fn(*inp)
        times.append(time.time() - start)
        values.append(value is not None if problem["entry_point"] in NOT_NONE_TASKS and problem["task_id"].startswith("Mbpp") else value)
    return values, times


def execute_plus(problem, code, inputs, expected, limits, stat, details, progress):
    dataset, entry, atol = ("mbpp" if problem["task_id"].startswith("Mbpp") else "humaneval"), problem["entry_point"], problem["atol"]
    os.chdir(tempfile.mkdtemp())
    guard(True)
    space = {}
    try:
        with swallow_io():
            exec(code, space)
            fn = space[entry]
        for i, inp in enumerate(inputs):
            try:
                with time_limit(limits[i]):
                    with swallow_io():
                        out = fn(*inp)
                exp = expected[i]
                exact = out == exp
                if dataset == "mbpp":
                    if entry == "are_equivalent":
                        exact = exact or True
                    elif entry == "sum_div":
                        exact = exact or out == 0
                    elif entry == "surface_Area":
                        exact = exact or abs(out - surface_area(*inp)) <= atol
                    elif entry == "digit_distance_nums":
                        exact = exact or out == digit_distance(*inp)
                    elif entry in SET_TASKS:
                        exact = set(out) == set(exp)
                    elif entry in NOT_NONE_TASKS:
                        exact = out == exp if isinstance(out, bool) else exp == (out is not None)
                if dataset == "humaneval" and entry == "find_zero":
                    assert abs(poly(*inp, out)) <= atol
                    details[i] = True
                    progress.value += 1
                    continue
                if atol == 0 and is_floats(exp):
                    atol = 1e-6
                if not exact and atol != 0:
                    assert type(out) == type(exp)
                    if isinstance(exp, (list, tuple)):
                        assert len(out) == len(exp)
                    assert np.allclose(out, exp, rtol=1e-07, atol=atol)
                else:
                    assert exact
            except BaseException:
                details[i] = False
                progress.value += 1
                raise
            details[i] = True
            progress.value += 1
        stat.value = 0
    except BaseException:
        stat.value = 1


def check_plus(problem, code, inputs):
    expected, times = truths(problem, inputs)
    limits = [max(1.0, 4.0 * t) for t in times]
    stat, progress = multiprocessing.Value("i", 3), multiprocessing.Value("i", 0)
    details = multiprocessing.Array("b", [False for _ in inputs])
    in_process(execute_plus, (problem, code, inputs, expected, limits, stat, details, progress), min(60, sum(limits)) + 2)
    done = list(details[: progress.value])
    status = {0: "pass", 1: "fail", 3: "timeout"}[stat.value]
    if status == "pass" and (len(done) != len(inputs) or not all(done)):
        status = "fail"
    return {"status": status, "tried": len(done)}


# --- problems and samples

HUMANEVAL = [
    {
        "task_id": "Made/0",
        "prompt": "from typing import List\n\n\ndef total(xs: List[int]) -> int:\n    \"\"\"The sum of xs.\"\"\"\n",
        "entry_point": "total",
        "canonical_solution": "    return sum(xs)\n",
        "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0, \"empty\"\n    assert candidate([-1]) == -1\n",
    },
    {
        "task_id": "Made/1",
        "prompt": "def half(x: float) -> float:\n",
        "entry_point": "half",
        "canonical_solution": "    return x / 2\n",
        "test": "def check(candidate):\n    assert abs(candidate(3.0) - 1.5) < 1e-6\n    for i in range(5):\n        assert candidate(2 * i) == i, f'at {i}'\n",
    },
]
COMPLETIONS = {
    "Made/0": [
        "    return sum(xs)\n",
        "    return 1 + sum(xs)\n",
        "    return sum(xs) if xs else None\n",
        "    raise KeyError('x')\n",
        "    return sum(xs\n",
        "    return nothing\n",
        "    while True:\n        pass\n",
        "    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass\n",
        "    import time\n    time.sleep(20)\n    return sum(xs)\n",
        "    import sys\n    sys.exit(0)\n",
        "    import os\n    os._exit(0)\n",
        "    exit()\n",
        "    return total(xs)\n",
        "    return int(input())\n",
        "    print('x' * 100000)\n    return sum(xs)\n",
        "    import os\n    return os.getcwd()\n",
        "    with open('a.txt', 'w') as f:\n        f.write('3')\n    return sum(xs)\n",
        "    return 'x' * 10**15\n",
        "    class Always:\n        def __eq__(self, other):\n            return True\n    return Always()\n",
        "    return sum(xs)\n\n\nif __name__ == '__main__':\n    print(total([int(input())]))\n    raise SystemExit('only as a script')\n",
        "    return sum(xs)\n\n\ndef check(candidate):\n    raise ValueError('replaced')\n",
        "    return sum(xs)\n\n\nimport resource\n",
        "    return sum(xs)\n\n\nprint = None\nraise ValueError('at the top')\n",
        "    assert False, 'my own'\n",
        "    return float(sum(xs))\n",
        "",
    ],
    "Made/1": ["    return x / 2\n", "    return x / 2 + 1e-9 if x == 3 else x // 2\n", "    return x / 2 + 0.1\n", "    return '1.5'\n"],
}
MBPP = [
    {
        "task_id": 11,
        "text": "Write a function to pair numbers with their root.",
        "code": "import math\r\ndef root_pair(x):\r\n  return (x, math.sqrt(x))",
        "test_setup_code": "four = 4",
        "test_list": ["assert root_pair(four) == (4, 2.0)", "assert root_pair(9)[1] == 3", "assert root_pair(1) != [1, 1]"],
        "challenge_test_list": [],
    }
]
MBPP_CODES = [
    "import math\ndef root_pair(x):\n  return (x, math.sqrt(x))",
    "def root_pair(x):\n  return [x, x ** .5]",
    "def root_pair(x):\n  return (x, int(x ** .5))",
    "def root_pair(x):\n  return x",
    "def other(x):\n  return x",
]

PLUS = [
    {
        "task_id": "HumanEval/900",
        "prompt": "def scale(xs, by):\n",
        "entry_point": "scale",
        "canonical_solution": "    return [x * by for x in xs]\n",
        "base_input": [[[1, 2], 2], [[1.5, 2.0], 2], [[3, 4], 1]],
        "plus_input": [[[], 3], [[10**20, 1], 3], [[0.1], 3]],
        "atol": 0,
        "samples": [
            "    return [x * by for x in xs]\n",
            "    return [by * x for x in xs]\n",
            "    return tuple(x * by for x in xs)\n",
            "    return [x * by + 1e-7 for x in xs]\n",
            "    return [x * by + 1e-3 for x in xs]\n",
            "    return [x * by + (5e-7 if isinstance(x, float) else 0) for x in xs]\n",
            "    return [x * by + (5e-7 if xs == [3, 4] else 0) for x in xs]\n",
            "    return [x * by for x in xs][:2] if xs != [3, 4] else [3]\n",
            "    return [float(x * by) for x in xs]\n",
            "    if xs == [3, 4]:\n        raise ValueError\n    return [x * by for x in xs]\n",
            "    if not xs:\n        while True:\n            pass\n    return [x * by for x in xs]\n",
            "    print(1)\n    return [x * by for x in xs]\n",
            "    open('x', 'w')\n    return [x * by for x in xs]\n",
            "    return None\n",
            "    return [x * by for x in xs\n",
            "    import os\n    os._exit(0)\n",
            "    return [x * by for x in xs]\nwhile True:\n    pass\n",
            "    return [x * by for x in xs]\nscale = None\n",
            "    return [x * by for x in xs]\ndel scale\n",
        ],
    },
    {
        "task_id": "HumanEval/901",
        "prompt": "def find_zero(xs):\n",
        "entry_point": "find_zero",
        "canonical_solution": "    return -xs[0] / xs[1]\n",
        "base_input": [[[1, 2]], [[-3.0, 2]]],
        "plus_input": [[[5, -1]]],
        "atol": 1e-4,
        "samples": ["    return -xs[0] / xs[1]\n", "    return -xs[0] / xs[1] + 1e-5\n", "    return -xs[0] / xs[1] + 1e-3\n", "    return None\n"],
    },
    {
        "task_id": "Mbpp/902",
        "prompt": "",
        "entry_point": "similar_elements",
        "canonical_solution": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
        "base_input": [[[3, 4, 5], [5, 4, 10]], [[1], [2]]],
        "plus_input": [[["a", 1], [1.0, "a"]]],
        "atol": 0,
        "samples": [
            "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
            "def similar_elements(a, b):\n    return [x for x in b if x in a]\n",
            "def similar_elements(a, b):\n    return a\n",
            "def similar_elements(a, b):\n    return [[x] for x in b if x in a]\n",
            "def similar_elements(a, b):\n    return None\n",
        ],
    },
    {
        "task_id": "Mbpp/903",
        "prompt": "",
        "entry_point": "check_str",
        "canonical_solution": "import re\ndef check_str(text):\n    return re.match('[aeiou]', text)\n",
        "base_input": [["annie"], ["dawood"]],
        "plus_input": [[""]],
        "atol": 0,
        "samples": [
            "import re\ndef check_str(text):\n    return re.match('[aeiou]', text)\n",
            "def check_str(text):\n    return text[:1] in 'aeiou' and text != ''\n",
            "def check_str(text):\n    return 'Valid' if text[:1] in tuple('aeiou') else None\n",
            "def check_str(text):\n    return False\n",
            "def check_str(text):\n    return 0\n",
        ],
    },
    {
        "task_id": "Mbpp/904",
        "prompt": "",
        "entry_point": "surface_Area",
        "canonical_solution": "def surface_Area(b, s):\n    return 2 * b * s + pow(b, 2)\n",
        "base_input": [[3, 4], [4, 5]],
        "plus_input": [[1, 2], [5, 7]],
        "atol": 0,
        "samples": [
            "def surface_Area(b, s):\n    return 2 * b * s + pow(b, 2)\n",
            "import math\ndef surface_Area(b, h):\n    return round(b ** 2 + 2 * b * math.sqrt((b / 2) ** 2 + h ** 2))\n",
            "def surface_Area(b, s):\n    return 0\n",
            "def surface_Area(b, s):\n    return '33'\n",
        ],
    },
    {
        "task_id": "Mbpp/905",
        "prompt": "",
        "entry_point": "digit_distance_nums",
        "canonical_solution": "def digit_distance_nums(a, b):\n    return sum(map(int, str(abs(a - b))))\n",
        "base_input": [[1, 2], [23, 56]],
        "plus_input": [[123, 7], [10, 9], [-1, 1]],
        "atol": 0,
        "samples": [
            "def digit_distance_nums(a, b):\n    return sum(map(int, str(abs(a - b))))\n",
            "def digit_distance_nums(a, b):\n    n = max(len(str(a)), len(str(b)))\n    return sum(abs(int(x) - int(y)) for x, y in zip(str(a).zfill(n), str(b).zfill(n))) if a >= 0 else 2\n",
            "def digit_distance_nums(a, b):\n    return 1\n",
        ],
    },
    {
        "task_id": "Mbpp/906",
        "prompt": "",
        "entry_point": "sum_div",
        "canonical_solution": "def sum_div(n):\n    return sum(i for i in range(1, n) if n % i == 0)\n",
        "base_input": [[8], [12]],
        "plus_input": [[1], [97]],
        "atol": 0,
        "samples": ["def sum_div(n):\n    return sum(i for i in range(1, n) if n % i == 0)\n", "def sum_div(n):\n    return 0\n", "def sum_div(n):\n    return 1\n"],
    },
    {
        "task_id": "Mbpp/907",
        "prompt": "",
        "entry_point": "nested",
        "canonical_solution": "def nested(n):\n    return {'a': (1, [2.0 * n]), n: {1, n}}\n",
        "base_input": [[2], [3]],
        "plus_input": [[10**25]],
        "atol": 0,
        "samples": [
            "def nested(n):\n    return {n: {n, True}, 'a': (1.0, [2 * n])}\n",
            "def nested(n):\n    return {'a': [1, [2.0 * n]], n: {1, n}}\n",
            "from collections import OrderedDict\ndef nested(n):\n    return OrderedDict([('a', (1, [2.0 * n])), (n, frozenset({1, n}))])\n",
            "def nested(n):\n    try:\n        while True:\n            pass\n    except BaseException:\n        nested(n)\n",
        ],
    },
]


def main():
    made = {"humaneval": [], "mbpp": [], "plus": []}
    for problem in HUMANEVAL:
        for completion in COMPLETIONS[problem["task_id"]]:
            program = problem["prompt"] + completion + "\n" + problem["test"] + "\n" + f"check({problem['entry_point']})"
            made["humaneval"].append({"task_id": problem["task_id"], "completion": completion, "result": check(program)})
    for problem in MBPP:
        for code in [problem["code"], *MBPP_CODES]:
            program = "\n".join([code, problem["test_setup_code"], *problem["test_list"]])
            made["mbpp"].append({"task_id": problem["task_id"], "solution": code, "result": check(program)})
    for problem in PLUS:
        for completion in problem["samples"]:
            code = problem["prompt"] + completion
            verdict = {part: check_plus(problem, code, problem[f"{part}_input"]) for part in ("base", "plus")}
            made["plus"].append({"task_id": problem["task_id"], "solution": code, **verdict})
    made["problems"] = {
        "humaneval": HUMANEVAL,
        "mbpp": MBPP,
        "plus": [{k: v for k, v in problem.items() if k != "samples"} for problem in PLUS],
    }
    with open(sys.argv[1], "w") as out:
        json.dump(made, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main()
