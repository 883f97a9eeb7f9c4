"""A plugin's answer in one form, whatever it was given in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from finery import PluginError, Reasons
from finery.data.identity import hashed
from finery.stages.answers import columns_table, keys_table, reasons_table, records_table
from finery.stages.summary import added_up, bounded, conserve

BATCH = pa.table(
    {
        "id": hashed(pa.array(["0", "1", "2"])),
        "source": pa.array(["a"] * 3).dictionary_encode(),
        "text": pa.array(["x", "y", "z"], pa.large_string()),
    }
)
EMPTY = BATCH.slice(0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        ["few", None, "few"],
        pa.array(["few", None, "few"]),
        pa.array(["few", None, "few"], pa.large_string()),
        pa.array(["few", None, "few"]).dictionary_encode(),
        pa.chunked_array([["few"], [None, "few"]]),
        Reasons(pa.array(["few", None, "few"])),
    ],
)
def test_reasons_come_in_many_forms(answer: Any) -> None:
    table = reasons_table(answer, BATCH)
    assert table["code"].to_pylist() == ["few", None, "few"]
    assert table["value"].null_count == 3


def test_one_bound_stands_for_all_records() -> None:
    table = reasons_table(Reasons(pa.nulls(3, pa.string()), pa.array([1, 2, None]), 0.5), BATCH)
    assert table["value"].to_pylist() == [1.0, 2.0, None]
    assert table["bound"].to_pylist() == [0.5] * 3


@pytest.mark.parametrize("answer", [[], pa.nulls(0), Reasons(pa.array([], pa.string()), None, 3.0)])
def test_an_empty_batch_has_no_reasons(answer: Any) -> None:
    assert len(reasons_table(answer, EMPTY)) == 0


@pytest.mark.parametrize("answer", [[1, 2, 3], [True, False, None], pa.array([b"x", b"y", b"z"])])
def test_a_reason_is_a_text(answer: Any) -> None:
    with pytest.raises(PluginError, match="return strings, null for what stays"):
        reasons_table(answer, BATCH)


@pytest.mark.parametrize(
    "answer, keys",
    [
        (["a", None, "b"], [["a"], [None], ["b"]]),
        ([["a", "b"], None, []], [["a", "b"], None, []]),
        (pa.array([1, 2, 2], pa.uint64()), [[1], [2], [2]]),
        (pa.array([[1], [2], []], pa.large_list(pa.uint64())), [[1], [2], []]),
        (pa.chunked_array([["a"], ["b", "c"]]), [["a"], ["b"], ["c"]]),
    ],
)
def test_keys_are_one_or_a_list_a_record(answer: Any, keys: Any) -> None:
    assert keys_table(answer, BATCH)["keys"].to_pylist() == keys


def test_a_score_may_be_a_mapping_or_a_table() -> None:
    columns = {"n": pa.array([1, 2, 3]), "m": pa.array(["a", "b", "a"]).dictionary_encode(), "k": np.arange(3.0)}
    table = columns_table(columns, BATCH)
    assert table.schema == pa.schema([("n", pa.int64()), ("m", pa.string()), ("k", pa.float64())])
    assert columns_table(pa.table(columns), BATCH).equals(table)


def test_a_format_answers_the_same_records() -> None:
    assert records_table(BATCH, BATCH) is BATCH
    for other in (BATCH.slice(1), BATCH.take([1, 0, 2]), pa.concat_tables([BATCH, BATCH])):
        with pytest.raises(PluginError, match=r"other records of 3: return as many records, in order"):
            records_table(other, BATCH)


def entry(source: str, **counts: int) -> dict[str, Any]:
    """A shard's entry."""
    fates = {"in": 0, "kept": 0, "dropped": 0, "merged": 0, "failed": 0, "born": 0, **counts}
    reasons = {"few": counts["dropped"]} if counts.get("dropped") else {}
    tally = {"seen": fates["in"]}
    return {"shard": {"source": source}, "counts": {**fates, "reasons": reasons}, "tally": tally, "seconds": 0.25}


def test_counts_add_up_by_source() -> None:
    entries = [
        entry("a", **{"in": 3}, kept=2, dropped=1),
        entry("b", **{"in": 1}, kept=1),
        entry("a", **{"in": 2}, dropped=2),
    ]
    summary = added_up(entries)
    assert summary["sources"]["a"] == {
        "in": 5, "kept": 2, "dropped": 3, "merged": 0, "failed": 0, "born": 0, "reasons": {"few": 3},
    }  # fmt: skip
    assert (summary["tally"], summary["seconds"]) == ({"seen": 6}, 0.75)


@pytest.mark.parametrize(
    "entries, before",
    [
        ([entry("a", **{"in": 3}, kept=2)], {"a": 3}),
        ([entry("a", **{"in": 3}, kept=3)], {"a": 4}),
        ([entry("a", **{"in": 3}, kept=3)], {"a": 3, "b": 1}),
    ],
)
def test_a_lost_record_is_a_fault_of_finery(entries: list[dict[str, Any]], before: dict[str, int]) -> None:
    with pytest.raises(Exception, match="this is a fault of Finery: please report it"):
        conserve("s", added_up(entries), before)


def test_failures_are_bounded_by_their_share() -> None:
    bounded("s", 2, 200, 0.01, lambda: "never asked")
    with pytest.raises(
        Exception, match=r"stage 's': 3 of 200 records failed, more than max_bad = 0.01 allows: first: x"
    ):
        bounded("s", 3, 200, 0.01, lambda: "x")
