"""Records that a file lists: dropped with its reason, given its columns, read as often as it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from finery import PipelineError, Source, Stage, UsageError
from finery.testing.dataset import MemoryDataset
from finery_plugins.filter.listed import Listed
from finery_plugins.format.augment import Augment
from finery_plugins.mix.times import Times
from finery_plugins.score.listed import ListedScore

BatchOf = Callable[..., pa.Table]


def file_of(folder: Path, *rows: Any) -> str:
    """A file of lines."""
    place = folder / "changes.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(place)


def ids(batch: pa.Table) -> list[str]:
    return [str(record) for record in batch["id"].to_pylist()]


def test_a_record_that_is_listed_goes_with_the_files_reason(tmp_path: Path, batch_of: BatchOf) -> None:
    batch = batch_of(text=["a", "b", "c"])
    first, second, _ = ids(batch)
    file = file_of(tmp_path, {"record": first, "drop": "no-end", "why": "it goes on"}, {"record": second, "times": 2})
    plugin = Listed(file=file)
    reasons = plugin.filter(batch=batch, state=plugin.prepare())
    assert reasons.code.to_pylist() == ["no-end", None, None]
    assert reasons.detail.to_pylist()[0] == "it goes on"


def test_lines_of_one_record_are_one_and_columns_are_null_for_others(tmp_path: Path, batch_of: BatchOf) -> None:
    batch = batch_of(text=["a", "b", "c"])
    first, _, last = ids(batch)
    lines = [{"record": first, "times": 3}, {"record": first.upper(), "vary": True}, {"record": last, "vary": False}]
    plugin = ListedScore(file=file_of(tmp_path, *lines))
    columns = plugin.score(batch=batch, state=plugin.prepare())
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "times": [3, None, None],
        "vary": [True, None, False],
    }


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"drop": "x"}, "changes.jsonl:1: names no record"),
        ({"record": "abc"}, "changes.jsonl:1: names no record"),
        ({"record": "0" * 32, "drpo": "x"}, "has an unknown 'drpo'"),
        ({"record": "0" * 32, "times": -1}, "'times' is -1"),
        ({"record": "0" * 32, "vary": "yes"}, "'vary' is 'yes'"),
    ],
)
def test_a_line_that_nobody_understands_is_named(tmp_path: Path, line: Any, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        Listed(file=file_of(tmp_path, line)).prepare()


def test_records_are_read_as_often_as_the_column_says(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a", "b", "c"], times=pa.array([3, None, 0], pa.int64()))
    plain = batch_of(source="other", text=["d"])
    plugin = Times()
    state = plugin.prepare(dataset=MemoryDataset((batch, plain)))
    draw = plugin.mix(sources=[Source("general", 3), Source("other", 1)], state=state)
    assert (draw.epochs, draw.by) == ({"general": {"3": 3.0, "null": 1.0, "0": 0.0}, "other": 1.0}, "times")


def test_a_column_that_does_not_count_is_a_fault(batch_of: BatchOf) -> None:
    for values in (pa.array([0.5]), pa.array([-2])):
        with pytest.raises(PipelineError, match="its column 'times'"):
            Times().prepare(dataset=MemoryDataset((batch_of(text=["a"], times=values),)))


def test_only_records_that_are_marked_get_copies(tmp_path: Path, batch_of: BatchOf, stage: Stage) -> None:
    from finery import Tally

    batch = batch_of(text=["the mill above the weir", "the road behind the hill"], vary=pa.array([None, True]))
    plugin = Augment(where="vary", copies=2, typos=0.3)
    born = plugin.format(batch=batch, state={}, stage=stage, tally=Tally(), out=tmp_path)
    assert born["augmented"].to_pylist() == [False, False, True, True]
    assert born["text"].to_pylist()[:2] == batch["text"].to_pylist()
    with pytest.raises(PipelineError, match="name a column of booleans"):
        Augment(where="text").format(batch=batch, state={}, stage=stage, tally=Tally(), out=tmp_path)
