"""A pass over a shard, the groups of a dedupe, the amounts of a mix: against plain Python."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery import Batch, Reasons, Stage, Tally, hookimpl, plugin
from finery.data.artifacts import Artifacts
from finery.data.identity import hashed
from finery.data.shards import Shard, ShardReader
from finery.plugins import Manifest
from finery.stages.amounts import characters
from finery.stages.asking import Link
from finery.stages.dedupe import components
from finery.stages.layers import ShardOutput
from finery.stages.passes import PassTask


@plugin
class Odd:
    """Drop odd numbers; cannot stand 13."""

    @hookimpl
    def filter(self, batch: Batch, tally: Tally) -> Reasons:
        """`odd`."""
        numbers = batch["n"].to_pylist()
        if 13 in numbers:
            raise ValueError("13")
        tally["seen"] += len(numbers)
        return Reasons(pa.array(["odd" if n % 2 else None for n in numbers], pa.string()), batch["n"], 2)


@plugin
class Half:
    """Add the half of numbers."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        """`half`."""
        return {"half": pc.divide(batch["n"], 2)}


@plugin
class Repeat:
    """As many records as the number says."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """Records with a parent."""
        index = [i for i, n in enumerate(batch["n"].to_pylist()) for _ in range(n % 5)]
        born = batch.take(pa.array(index, pa.int64()))
        return born.append_column("parent", born["id"])


def written(artifacts: Artifacts, groups: list[list[int]]) -> Shard:
    """A shard of numbers in row groups."""
    output = ShardOutput(artifacts, "base", 0)
    for number, own in enumerate(groups):
        ids = hashed(pa.array([f"{number} {place}" for place in range(len(own))]))
        table = pa.table({"id": ids, "n": pa.array(own, pa.int64())})
        output.file("data", table.schema).write(table)
    output.files["data"].close()
    rows = sum(map(len, groups))
    return Shard("a", output.name("data"), rows, rows, {"n": ((output.name("data"), None),)})


def carried(artifacts: Artifacts, shard: Shard, plugins: list[Any]) -> list[dict[str, Any]]:
    """The entries of a pass."""
    verbs = {"Odd": "filter", "Half": "score", "Repeat": "format"}
    links = []
    for place, made in enumerate(plugins):
        stage = Stage(f"s{place}", verbs[type(made).__name__], type(made).__name__, 1)
        links.append(Link(stage, made, "local", f"f{place}", 0))
    return PassTask(artifacts, shard, tuple(links)).run()


def records(artifacts: Artifacts, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The records that an entry tells of, without their ids."""
    tables = [group.batch for group in ShardReader(artifacts, Shard.from_json(entry["shard"])).groups()]
    return [
        {k: v for k, v in row.items() if k not in ("id", "source")} for table in tables for row in table.to_pylist()
    ]


shards = st.lists(st.lists(st.integers(0, 15), max_size=6), min_size=1, max_size=4)


@settings(max_examples=40)
@given(shards, st.sampled_from([None, 1, 2, 5]))
def test_a_pass_does_to_each_record_what_its_stages_say(groups: list[list[int]], size: int | None) -> None:
    numbers = [n for group in groups for n in group]
    even = [n for n in numbers if n % 2 == 0]
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Artifacts(Path(folder))
        plugins: list[Any] = [Odd(), Half(), Repeat()]
        for made in plugins:
            type(made).__finery__ = Manifest(batch=size)
        entries = carried(artifacts, written(artifacts, groups), plugins)
        counts = [entry["counts"] for entry in entries]
        odd, bad = sum(n % 2 for n in numbers if n != 13), numbers.count(13)
        assert (counts[0]["in"], counts[0]["kept"], counts[0]["dropped"], counts[0]["failed"]) == (
            len(numbers), len(even), odd, bad,
        )  # fmt: skip
        assert entries[0]["tally"].get("seen", 0) == len(numbers) - bad
        assert records(artifacts, entries[1]) == [{"n": n, "half": n // 2} for n in even]
        assert records(artifacts, entries[2]) == [{"n": n, "half": n // 2} for n in even for _ in range(n % 5)]
        assert (counts[2]["dropped"], counts[2]["born"]) == (sum(n % 5 == 0 for n in even), sum(n % 5 for n in even))


def test_a_shard_that_is_finished_is_taken_over(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    shard = written(artifacts, [[1, 2, 3]])
    before = carried(artifacts, shard, [Odd(), Half()])
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert carried(artifacts, shard, [Odd(), Half()]) == json.loads(json.dumps(before))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == times


edges = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=40)


@settings(max_examples=60)
@given(edges)
def test_every_node_gets_the_smallest_it_is_connected_to(pairs: list[tuple[int, int]]) -> None:
    label = {node: node for pair in pairs for node in pair}
    for _ in label:
        for a, b in pairs:
            label[a] = label[b] = min(label[a], label[b])
    with duckdb.connect(":memory:") as connection:
        connection.execute("create temp table edges (a bigint, b bigint, similarity double)")
        for a, b in pairs:
            connection.execute("insert into edges values (?, ?, null)", [min(a, b), max(a, b)])
        components(connection)
        assert dict(connection.execute("from labels").fetchall()) == label


MESSAGES = [[{"role": "user", "content": "häß"}, {"role": "a", "content": None}], [], None]


@pytest.mark.parametrize(
    "values, counts",
    [
        (["ab", None, "über"], [2, 0, 4]),
        (MESSAGES, [8, 0, 0]),
        ([["a", "bc"], None, []], [3, 0, 0]),
        ([{"a": "x", "b": {"c": "yz"}}, None], [3, 0]),
        ([1, 2], [0, 0]),
    ],
)
def test_characters_are_counted_in_nested_text_too(values: Any, counts: list[int]) -> None:
    column = pa.chunked_array([pa.array(values)])
    assert characters(column).tolist() == counts
