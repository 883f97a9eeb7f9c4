"""Who a record is: 128-bit ids from its content, and chance that depends on nothing else.

An id does not depend on the order of files, on workers or on batches. Equal records of one source are told apart by an
occurrence number. At 1e10 records, 128 bits expect 1e-19 collisions, where 64 bits expect 2.7.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from finery.types import Stage

UNIT = "\x1f"
RECORD = "\x1e"


def record_ids(table: pa.Table, source: str) -> pa.Array:
    """UUIDs (n,) of the records of `source`: xxh3-128 over their canonical form.

    The canonical form lists each field that is not null, by name: name, length in bytes, value. Nested values stand
    as JSON text. So the same record has the same id whether it came from JSON, CSV or Parquet.
    """
    return hashed(canonical(table, source))


def hashed(texts: pa.Array) -> pa.Array:
    """UUIDs (n,): xxh3-128 of each text."""
    texts = texts.cast(pa.large_binary())
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1].tolist()
    data = memoryview(texts.buffers()[2] or b"")
    digest = xxhash.xxh3_128_digest
    digests = b"".join([digest(data[a:b]) for a, b in pairwise(offsets)])
    return uuids(np.frombuffer(digests, np.uint8))


def canonical(table: pa.Table, source: str) -> pa.Array:
    """`large_string` (n,): each record's canonical form."""
    opening = pa.scalar(source + RECORD, pa.large_string())
    parts = [field_text(name, table.column(name)) for name in sorted(table.column_names)]
    empty = pa.scalar("", pa.large_string())
    if not parts:
        return pa.array([opening.as_py()] * len(table), pa.large_string())
    return pc.binary_join_element_wise(opening, *parts, empty)


def field_text(name: str, column: pa.ChunkedArray) -> pa.Array:
    """`name, length, value` of a field, or nothing where it is null."""
    column = one_chunk(column)
    texts = plain_text(column)
    lengths = pc.binary_length(texts).cast(pa.large_string())
    head = pa.scalar(name, pa.large_string())
    joined = pc.binary_join_element_wise(head, lengths, texts, pa.scalar(UNIT, pa.large_string()))
    return pc.fill_null(joined, "")


def plain_text(column: pa.Array) -> pa.Array:
    """A column as `large_string`: numbers as Arrow prints them, nested values as JSON with sorted keys."""
    if pa.types.is_nested(column.type):
        import orjson

        rows = [None if row is None else orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in column.to_pylist()]
        return pa.array(rows, pa.large_binary()).cast(pa.large_string())
    return column.cast(pa.large_string())


def child_ids(parents: pa.Array, salt: str, numbers: np.ndarray) -> pa.Array:
    """UUIDs (n,) of records born of others: a hash of parent, what made them, and a number (n,) within the parent.

    What the kernel itself makes is called `:again` or `:copy`; no stage's id can begin so.
    """
    raw = as_bytes(parents)
    tail = salt.encode()
    digest = xxhash.xxh3_128_digest
    rows = [digest(raw[i * 16 : i * 16 + 16] + b"%d:" % number + tail) for i, number in enumerate(numbers.tolist())]
    return uuids(np.frombuffer(b"".join(rows), np.uint8))


def chance(batch: pa.Table, stage: Stage) -> np.ndarray:
    """A number in [0, 1) a record (n,), fixed by its id, the pipeline's seed and the stage's id."""
    return unit_interval(batch.column("id"), stage.seed)


def unit_interval(ids: pa.ChunkedArray | pa.Array, seed: int) -> np.ndarray:
    """`float64` (n,) in [0, 1): the top 53 bits of ids mixed with a seed (splitmix64's finaliser)."""
    halves = np.frombuffer(as_bytes(ids), np.uint64).reshape(-1, 2)
    with np.errstate(over="ignore"):
        mixed = halves[:, 0] ^ scrambled(halves[:, 1] + np.uint64(seed & 0xFFFFFFFFFFFFFFFF))
        return (scrambled(mixed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def scrambled(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser (Steele, Lea, Flood 2014): every input bit moves half of the output bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


def stage_seed(seed: int, stage_id: str) -> int:
    """64 bits from the pipeline's seed and the stage's id."""
    return xxhash.xxh3_64_intdigest(f"{seed}{UNIT}{stage_id}".encode())


def uuids(raw: np.ndarray) -> pa.Array:
    """UUIDs (n,) from 16 n bytes."""
    storage = pa.Array.from_buffers(pa.binary(16), len(raw) // 16, [None, pa.py_buffer(raw)])
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def as_bytes(ids: pa.ChunkedArray | pa.Array) -> bytes:
    """The 16 n bytes of UUIDs (n,)."""
    ids = one_chunk(ids)
    storage = ids.storage if isinstance(ids, pa.ExtensionArray) else ids
    if not len(storage):
        return b""
    raw: bytes = memoryview(storage.buffers()[1])[storage.offset * 16 : (storage.offset + len(storage)) * 16].tobytes()
    return raw


def one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
