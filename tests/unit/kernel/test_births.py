"""Records born of others: their ids, their parents, and what becomes of those."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finery.data.artifacts import Artifacts
from finery.data.identity import child_ids, hashed
from finery.data.shards import Group
from finery.errors import PluginError
from finery.stages.answers import check_parents, parent_lists
from finery.stages.births import bear, child_ids_of
from finery.stages.layers import ShardOutput


def group_of(count: int) -> Group:
    """A group of records whose text is their number."""
    ids = hashed(pa.array([str(n) for n in range(count)]))
    source = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), ["a"])
    batch = pa.table({"id": ids, "source": source, "text": pa.array([str(n) for n in range(count)], pa.large_string())})
    return Group(0, 0, count, np.arange(count), batch)


def born(group: Group, parents: list[list[int]]) -> pa.Table:
    """A format's answer: a record for each list of parents."""
    ids = group.batch["id"].to_pylist()
    raw = pa.array([[ids[p].bytes for p in own] for own in parents], pa.list_(pa.binary(16)))
    texts = pa.array([f"{own}" for own in parents], pa.large_string())
    return pa.table({"text": texts, "parent": raw})


@pytest.fixture
def outputs(tmp_path: Path) -> Iterator[ShardOutput]:
    """An output."""
    yield ShardOutput(Artifacts(tmp_path), "f", 0)


families = st.integers(1, 5).flatmap(
    lambda count: st.tuples(
        st.just(count), st.lists(st.lists(st.integers(0, count - 1), min_size=1, max_size=3, unique=True), max_size=9)
    )
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(families)
def test_every_parent_lives_on_or_leaves_with_a_decision(tmp_path: Path, family: tuple[int, list[list[int]]]) -> None:
    count, parents = family
    group, output = group_of(count), ShardOutput(Artifacts(tmp_path), "f", 0)
    after = bear(output, "split", group, born(group, parents))
    for file in output.files.values():
        file.close()
    living = {parent for own in parents for parent in own}
    counts = output.counts
    assert (counts.merged, counts.dropped, counts.born) == (len(living), count - len(living), len(parents))
    ids = group.batch["id"].to_pylist()
    left = [row["record"] for table in output.decisions for row in table.to_pylist()]
    assert left == [ids[n] for n in range(count) if n not in living]
    kin = pq.read_table(output.folder / "parents-00000.parquet").to_pylist()
    children = after.batch["id"].to_pylist()
    expected = [{"child": c, "parent": ids[p]} for c, own in zip(children, parents, strict=True) for p in own]
    assert kin == expected
    assert len(set(children)) == len(children)


def test_a_childs_id_is_its_first_parents_and_its_number(outputs: ShardOutput) -> None:
    group = group_of(3)
    after = bear(outputs, "split", group, born(group, [[0], [0, 1], [2], [0]]))
    outputs.files["data"].close(), outputs.files["parents"].close()
    first = group.batch["id"].combine_chunks().take(pa.array([0, 0, 2, 0]))
    assert after.batch["id"].to_pylist() == child_ids(first, "split", np.array([0, 1, 0, 2])).to_pylist()


def test_ids_do_not_depend_on_the_slice_they_come_in() -> None:
    group = group_of(4)
    whole = parent_lists(born(group, [[0], [1], [1], [2], [3], [3]]))
    cut = pa.concat_arrays([child_ids_of(whole.slice(0, 3), "s"), child_ids_of(whole.slice(3), "s")])
    assert child_ids_of(whole, "s").equals(cut)


@pytest.mark.parametrize("parents, fault", [([[0], []], "without a parent"), ([[0], [5]], "not in its batch")])
def test_a_record_born_of_nobody_is_refused(parents: list[list[int]], fault: str) -> None:
    group = group_of(6)
    with pytest.raises(PluginError, match=fault):
        check_parents(parent_lists(born(group, parents)), group.batch.slice(0, 3))


def test_nobody_born_is_no_fault() -> None:
    group = group_of(3)
    for none in (born(group, []), pa.table({"parent": group.batch["id"].slice(0, 0)})):
        check_parents(parent_lists(none), group.batch)


def test_parents_may_be_uuids_or_their_bytes() -> None:
    group = group_of(2)
    ids: Any = group.batch["id"].combine_chunks()
    forms = [ids, ids.storage, group.batch["id"]]
    assert {str(parent_lists(pa.table({"parent": form})).to_pylist()) for form in forms} == {
        str([[ids[0].as_py()], [ids[1].as_py()]])
    }


def test_the_plugin_says_why_a_record_has_no_child(outputs: ShardOutput) -> None:
    group = group_of(3)
    why = {group.batch["id"][0].as_py(): "unreadable"}
    bear(outputs, "split", group, born(group, [[1]]), why)
    assert outputs.decisions[0].column("reason").to_pylist() == ["unreadable", "no-output"]
