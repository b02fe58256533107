"""What CPython's == says of every pair of a list of values; test/unit/verify/pythonEquality.test.ts compares.

    python test/golden/make_python_equality.py test/golden/python_equality.json
"""

import json
import math
import sys

SOURCES = """
None; True; False; 0; 1; -1; 2; 0.0; -0.0; 1.0; -1.0; 0.5; 0.1 + 0.2; 0.3; 2**53; 2**53 + 1; float(2**53); 10**400; 1e308; 1e999; -1e999
1e999 - 1e999; 0j; 1 + 0j; 1j; 2 + 1j; ''; 'a'; '1'; 'ab'; b''; b'a'; b'ab'; []; [0]; [1]; [1.0]; [True]; [1, 2]; [2, 1]; [[1], [2]]; ()
(0,); (1,); (1.0,); (1, 2); (1, (2, 3)); [1, (2, 3)]; set(); {0}; {1}; {1.0}; {1, 2}; {2, 1}; {'a'}; {(1, 2)}; {(1.0, True + 1)}
frozenset(); frozenset({1}); frozenset({1, 2}); {frozenset({1, 2})}; {frozenset({2, 1.0})}; {}; {1: 2}; {1.0: 2}; {True: 2.0}; {2: 1}
{1: 2, 3: 4}; {3: 4, 1: 2}; {'a': [1]}; {'a': [1.0]}; {'a': (1,)}; {(1, 2): None}; {None: (1, 2)}; {b'a': 'a'}; {'a': b'a'}; [None]; [float('nan')]
{'a': {'b': {1, 2}}}; {'a': {'b': {1.0, 2}}}; 12345678901234567890123; 1.2345678901234568e22; [12345678901234567890123]; ['a', 'b']; ('a', 'b')
""".replace("\n", ";")


def encode(value):
    kind = type(value).__name__
    if value is None:
        return {"t": "none"}
    if kind in ("bool", "str"):
        return {"t": kind, "v": value}
    if kind in ("int", "float"):
        return {"t": kind, "v": repr(value)}
    if kind == "complex":
        return {"t": kind, "v": [repr(value.real), repr(value.imag)]}
    if kind == "bytes":
        return {"t": kind, "v": list(value)}
    if kind == "dict":
        return {"t": kind, "v": [[encode(k), encode(v)] for k, v in value.items()]}
    return {"t": kind, "v": [encode(item) for item in value]}


def main():
    sources = [source.strip() for source in SOURCES.split(";") if source.strip()]
    # each side made anew, so that no two are the same object
    left = [eval(source) for source in sources]
    right = [eval(source) for source in sources]
    table = {
        "sources": sources,
        "values": [encode(value) for value in left],
        "equal": ["".join("1" if a == b else "0" for b in right) for a in left],
        "truthy": "".join("1" if a else "0" for a in left),
        "isclose": ["".join(close(a, b) for b in right) for a in left],
    }
    with open(sys.argv[1], "w") as out:
        json.dump(table, out, indent=0)
        out.write("\n")


def close(a, b):
    try:
        return "1" if math.isclose(a, b, rel_tol=0.001, abs_tol=1e-9) else "0"
    except (TypeError, OverflowError):
        return "0"


if __name__ == "__main__":
    main()
