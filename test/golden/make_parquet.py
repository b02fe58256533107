"""Small Parquet files as pyarrow writes them, and the rows that are in them as JSON text with every digit.

    python test/golden/make_parquet.py test/golden/parquet

Needs pyarrow. `types` has every kind of value with nulls, lists, structs and maps; it is written several times: packed by snappy with dictionaries and two row
groups, by gzip with pages of version 2, plain in pages of a few rows with checksums, with delta and split encodings, by zstd. `long` has long texts in every codec that is
read, `some_brotli` is packed by one that is not; `int96` has old timestamps; `mbpp` the columns of MBPP as they are published.
"""

import datetime as dt
import decimal
import json
import math
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

N = 24
INTS = [1, 300, 70000, 2**31 - 1]

COLUMNS = {
    "text": (pa.string(), [f"row {i} é" if i % 7 else None for i in range(N)]),
    "colour": (pa.string(), [["red", "green", "blue"][i % 3] for i in range(N)]),
    "i8": (pa.int8(), [i - 5 for i in range(N)]),
    "i32": (pa.int32(), [(-1) ** i * INTS[i % 4] for i in range(N)]),
    "u32": (pa.uint32(), [2**32 - 1 - i for i in range(N)]),
    "i64": (pa.int64(), [(-1) ** i * (2**53 + i) if i % 5 else None for i in range(N)]),
    "u64": (pa.uint64(), [2**64 - 1 - i for i in range(N)]),
    "f32": (pa.float32(), [i / 4 for i in range(N)]),
    "f64": (pa.float64(), [i / 3 if i % 4 else math.nan for i in range(N)]),
    "f16": (pa.float16(), [i / 8 - 1 for i in range(N)]),
    "flag": (pa.bool_(), [i % 2 == 0 if i % 3 else None for i in range(N)]),
    "day": (pa.date32(), [dt.date(1969, 12, 20) + dt.timedelta(days=i) for i in range(N)]),
    "at": (pa.timestamp("us"), [dt.datetime(2024, 1, 1, 2, 3, 4, 5000 * i) for i in range(N)]),
    "utc": (pa.timestamp("ms", tz="UTC"), [dt.datetime(1969, 12, 31, 23, 59, 59, 5000 * i, dt.timezone.utc) for i in range(N)]),
    "clock": (pa.time64("us"), [dt.time(1, 2, 3, i) for i in range(N)]),
    "price": (pa.decimal128(9, 2), [decimal.Decimal(i - 12) / 100 for i in range(N)]),
    "raw": (pa.binary(), [bytes([255, i]) for i in range(N)]),
    "fixed": (pa.binary(3), [bytes([250, 251, i]) for i in range(N)]),
    "tests": (pa.list_(pa.string()), [[f"assert f({j}) == {i}" for j in range(i % 4)] if i % 6 else None for i in range(N)]),
    "nested": (pa.list_(pa.list_(pa.int64())), [[[1, None], [], None, [i]] if i % 2 else [] for i in range(N)]),
    "struct": (pa.struct({"a": pa.int64(), "b": pa.struct({"c": pa.list_(pa.string())})}), [{"a": i, "b": {"c": [f"x{i}"]} if i % 2 else None} if i % 3 else None for i in range(N)]),
    "cases": (
        pa.list_(pa.struct({"input": pa.string(), "output": pa.string()})),
        [[{"input": f"{i}", "output": None}, {"input": "", "output": "1"}] if i % 3 else [] for i in range(N)],
    ),
    "map": (pa.map_(pa.string(), pa.int32()), [[("k", i), ("__proto__", 1)] if i % 2 else None for i in range(N)]),
    "none": (pa.null(), [None] * N),
    "__proto__": (pa.string(), [f"p{i}" for i in range(N)]),
}

WRITTEN = {
    "snappy": dict(compression="snappy", row_group_size=16),
    "gzip": dict(compression="gzip", use_dictionary=False, data_page_version="2.0"),
    "delta": dict(
        compression="none",
        use_dictionary=False,
        column_encoding={
            "text": "DELTA_BYTE_ARRAY",
            "colour": "DELTA_LENGTH_BYTE_ARRAY",
            "i32": "DELTA_BINARY_PACKED",
            "i64": "DELTA_BINARY_PACKED",
            "u64": "DELTA_BINARY_PACKED",
            "f32": "BYTE_STREAM_SPLIT",
            "f64": "BYTE_STREAM_SPLIT",
            "fixed": "DELTA_BYTE_ARRAY",
            "flag": "RLE",
        },
    ),
    "zstd": dict(compression="zstd"),
}
SOME = ["text", "flag", "i64", "tests", "cases"]


def exact(kind, value):
    """JSON text of a value, as the lab's reader gives it."""
    if value is None:
        return "null"
    if pa.types.is_map(kind):
        return "{" + ", ".join(f"{json.dumps(k)}: {exact(kind.item_type, v)}" for k, v in value) + "}"
    if pa.types.is_list(kind):
        return "[" + ", ".join(exact(kind.value_type, v) for v in value) + "]"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(f"{json.dumps(f.name)}: {exact(f.type, value[f.name])}" for f in kind) + "}"
    if isinstance(value, decimal.Decimal):
        return f"{value:.2f}"
    if isinstance(value, bytes):
        import base64

        return json.dumps(base64.b64encode(value).decode())
    if isinstance(value, dt.datetime):
        text = value.isoformat(timespec="milliseconds" if value.tzinfo else "microseconds").replace("+00:00", "Z")
        return json.dumps(text.replace(".000000", "").replace(".000Z", "Z"))
    if isinstance(value, (dt.date, dt.time)):
        return json.dumps(value.isoformat())
    return json.dumps(value, ensure_ascii=False)


def main(folder):
    table = pa.table({name: pa.array(values, kind) for name, (kind, values) in COLUMNS.items()})
    rows = ["{" + ", ".join(f"{json.dumps(name)}: {exact(kind, values[i])}" for name, (kind, values) in COLUMNS.items()) + "}" for i in range(N)]
    (folder / "types.jsonl").write_text("\n".join(rows) + "\n")
    common = dict(write_statistics=False, store_schema=False)
    for name, options in WRITTEN.items():
        pq.write_table(table, folder / f"types_{name}.parquet", **common, **options)
    some = table.select(SOME)
    pq.write_table(some, folder / "some_pages.parquet", compression="none", data_page_size=32, write_batch_size=3, write_page_checksum=True, **common)
    pq.write_table(some, folder / "some_brotli.parquet", compression="brotli", **common)
    for codec, lines, level in [("snappy", 800, None), ("gzip", 800, None), ("lz4", 800, None), ("zstd", 9_500, 19)]:
        text = "".join(f"line {i * i % 997} of {i % 17}\n" for i in range(lines))
        long = pa.table({"text": [text], "zeros": ["0" * 50 * lines]})
        pq.write_table(long, folder / f"long_{codec}.parquet", compression=codec, compression_level=level, use_dictionary=False, **common)
    old = pa.table({"at": pa.array([dt.datetime(1999, 12, 31, 23, 59, 59, 5), None], pa.timestamp("ns"))})
    pq.write_table(old, folder / "int96.parquet", use_deprecated_int96_timestamps=True, **common)
    names = ["double", "add", "join"]
    codes = ["def double(x):\r\n  return 2 * x", "def add(a, b):\r\n  return a + b", "def join(a):\r\n  return ''.join(a)"]
    tests = [["assert double(2) == 4", "assert double(0) == 0"], ["assert add(1, 2) == 3"], ["assert join(['a', 'b']) == 'ab'"]]
    mbpp = pa.table(
        {
            "task_id": pa.array([11, 12, 13], pa.int32()),
            "text": [f"Write a function {name}." for name in names],
            "code": codes,
            "test_list": pa.array(tests, pa.list_(pa.string())),
            "test_setup_code": [""] * 3,
            "challenge_test_list": pa.array([[]] * 3, pa.list_(pa.string())),
        }
    )
    pq.write_table(mbpp, folder / "mbpp.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
