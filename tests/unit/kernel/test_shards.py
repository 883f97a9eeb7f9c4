"""Shards: base rows, layers of columns, rows that are gone, ids that were replaced."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery.data.artifacts import Artifacts
from finery.data.identity import child_ids, hashed
from finery.data.shards import Shard, ShardReader, over, type_from, type_name
from finery.errors import WorkError
from finery.stages.layers import ShardOutput

SIZES = st.lists(st.integers(0, 4), min_size=1, max_size=4)


def base(artifacts: Artifacts, sizes: list[int]) -> tuple[Shard, pa.Array]:
    """A shard of row groups of given sizes, its text its row number; and its ids."""
    output = ShardOutput(artifacts, "base", 0)
    rows = sum(sizes)
    ids = hashed(pa.array([str(n) for n in range(rows)]))
    start = 0
    for size in sizes:
        texts = pa.array([str(n) for n in range(start, start + size)], pa.large_string())
        output.file("data", pa.schema([("id", pa.uuid()), ("text", pa.large_string())])).write(
            pa.table({"id": ids.slice(start, size), "text": texts})
        )
        start += size
    output.files["data"].close()
    name = output.name("data")
    return Shard("a", name, rows, rows, {"text": ((name, None),)}), ids


def read(artifacts: Artifacts, shard: Shard) -> list[dict[str, object]]:
    """Every record."""
    return [row for group in ShardReader(artifacts, shard).groups() for row in group.batch.to_pylist()]


@settings(max_examples=60)
@given(st.data(), SIZES)
def test_layers_put_together_are_what_the_stages_did(data: st.DataObject, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Artifacts(Path(folder))
        shard, ids = base(artifacts, sizes)
        expected = {n: {"id": ids[n].as_py(), "source": "a", "text": str(n)} for n in range(sum(sizes))}
        for stage in range(data.draw(st.integers(0, 3))):
            output = ShardOutput(artifacts, f"s{stage}", 0)
            column = data.draw(st.sampled_from(["text", "x", "y"]))
            for group in ShardReader(artifacts, shard).groups():
                gone = np.array([data.draw(st.integers(0, 3)) == 0 for _ in group.rows], bool)
                kept = group.rows[~gone]
                for row in group.rows[gone].tolist():
                    del expected[row]
                if gone.any():
                    record = group.batch["id"].filter(pa.array(gone))
                    reason = pa.array(["r"] * int(gone.sum()))
                    output.drop(pa.table({"row": group.rows[gone], "record": record, "reason": reason}))
                if data.draw(st.booleans()):
                    values = [f"{stage}-{row}" for row in kept.tolist()]
                    output.put(
                        group.number, group.length, kept - group.start, {column: pa.array(values, pa.large_string())}
                    )
                    for row, value in zip(kept.tolist(), values, strict=True):
                        expected[row][column] = value
            output.finish(shard)
            shard = over(shard, output.written(len(sizes)), [])
            if output.decisions:
                shard = Shard(**{**vars(shard), "drops": (*shard.drops, output.name("decisions"))})
        found = [
            {k: v for k, v in row.items() if v is not None} for row in read(artifacts, Shard.from_json(shard.as_json()))
        ]
        assert found == list(expected.values())


def test_a_copy_has_other_ids_and_the_same_text(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    shard, ids = base(artifacts, [2, 3])
    copy = Shard(**{**vars(shard), "copy": 7})
    assert [row["text"] for row in read(artifacts, copy)] == ["0", "1", "2", "3", "4"]
    assert [row["id"] for row in read(artifacts, copy)] == child_ids(ids, ":copy", np.full(5, 7)).to_pylist()


def test_replaced_ids_stand_in_their_rows(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    shard, ids = base(artifacts, [2, 3])
    fresh = hashed(pa.array(["x", "y"]))
    pq.write_table(pa.table({"row": [1, 3], "id": fresh}), artifacts.partial("base") / "ids-00000.parquet")
    mended = Shard(**{**vars(shard), "ids": "base/ids-00000.parquet"})
    expected = [ids[0], fresh[0], ids[2], fresh[1], ids[4]]
    assert [row["id"] for row in read(artifacts, mended)] == [value.as_py() for value in expected]


def test_a_column_is_read_in_the_type_of_its_source(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    shard, _ = base(artifacts, [2])
    typed = Shard(**{**vars(shard), "columns": {**shard.columns, "n": ()}, "types": {"text": "int64", "n": "double"}})
    table = next(ShardReader(artifacts, typed).groups()).batch
    assert table["text"].to_pylist() == [0, 1]
    assert (table["n"].type, table["n"].null_count) == (pa.float64(), 2)


def test_only_the_columns_that_are_asked_for_are_read(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    shard, _ = base(artifacts, [2])
    assert next(ShardReader(artifacts, shard, ["other"]).groups()).batch.column_names == ["id", "source"]


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"x" * 500])
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    artifacts = Artifacts(tmp_path)
    shard, _ = base(artifacts, [2])
    path = artifacts.file(shard.base)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(WorkError, match=r"data-00000.parquet: is damaged .*: remove the folder"):
        read(artifacts, shard)


NESTED = pa.list_(pa.struct([("role", pa.large_string()), ("at", pa.list_(pa.int64()))]))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.int64(), pa.float64(), pa.bool_(), pa.null(), NESTED])
def test_a_type_is_the_same_from_its_name(kind: pa.DataType) -> None:
    assert type_from(type_name(kind)) == kind
