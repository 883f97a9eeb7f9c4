"""What two runs differ in, and which records' fate changed."""

from __future__ import annotations

from typing import Any

import pytest
from ledger import Ledger, rec

from finery.lineage.diff import Difference, compare
from finery.lineage.runs import find_run

A, B = "20260101-000000-aaaa", "20260102-000000-bbbb"


@pytest.fixture
def pair(ledger: Ledger) -> Ledger:
    """Two runs that read the same and filter with another bound."""
    for name, number, minimum in ((A, 0, 5), (B, 1, 9)):
        stage = {"filter": "short", "min_words": minimum}
        ledger.run(name, ["read-a read ra", f"short filter f{number}"], number, source=[], stage=[stage])
        ledger.artifact(f"f{number}", "short", "filter", {"a": "ra/a"}, {"min_words": minimum, "column": None})
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.origins("ra", "a", [1, 2, 3])
    ledger.decide("f0", 1, "few-words", value=3.0)
    ledger.decide("f1", 1, "few-words", value=3.0)
    ledger.decide("f1", 2, "few-words", value=7.0)
    return ledger


def difference(ledger: Ledger) -> Difference:
    """Run A against run B."""
    with ledger.read() as (connection, _):
        return compare(connection, find_run(connection, A), find_run(connection, B))


def fates(ledger: Ledger) -> list[tuple[str, str, int, list[int]]]:
    """Changes of fate with their records' numbers."""
    return [(r["a"], r["b"], r["count"], [e.int for e in r["examples"]]) for r in difference(ledger).fates]


def options(ledger: Ledger) -> dict[str, tuple[Any, Any]]:
    """Options that differ."""
    return {row["option"]: (row["a"], row["b"]) for row in difference(ledger).config}


def test_an_option_that_changed_is_named_with_both_values(pair: Ledger) -> None:
    assert options(pair) == {"short.min_words": (5, 9)}


def test_a_default_is_compared_with_a_value_that_was_written(ledger: Ledger) -> None:
    ledger.run(A, ["short filter f0"], 0, stage=[{"filter": "short"}])
    ledger.run(B, ["short filter f1"], 1, stage=[{"filter": "short", "min_words": 2}])
    ledger.artifact("f0", "short", "filter", {"a": "a"}, {"min_words": 1})
    ledger.artifact("f1", "short", "filter", {"a": "a"}, {"min_words": 2})
    assert options(ledger) == {"short.min_words": (1, 2)}


def test_sources_run_and_seed_are_compared_by_name(ledger: Ledger) -> None:
    ledger.run(A, [], 0, seed=1, source=[{"name": "a", "path": "x"}], run={"workers": 1}, stage=[])
    ledger.run(B, [], 1, seed=2, source=[{"name": "a", "path": "y"}], run={"workers": 2}, stage=[])
    assert options(ledger) == {"seed": (1, 2), "a.path": ("x", "y"), "run.workers": (1, 2)}


def test_of_a_stage_that_only_one_run_has_the_written_options_are_told(ledger: Ledger) -> None:
    ledger.run(A, [], 0, stage=[])
    ledger.run(B, ["short filter f1"], 1, stage=[{"filter": "short", "only": ["a"]}])
    ledger.artifact("f1", "short", "filter", {"a": "a"}, {"min_words": 2, "only": None})
    assert options(ledger) == {"short.filter": (None, "short"), "short.only": (None, ["a"])}


def test_another_version_of_a_plugin_is_told(ledger: Ledger) -> None:
    ledger.run(A, ["short filter f0 short acme 1.0"], 0, stage=[])
    ledger.run(B, ["short filter f1 short acme 1.1"], 1, stage=[])
    plugins = [(row["stage"], row["a"], row["b"]) for row in difference(ledger).plugins]
    assert plugins == [("short", "filter short, acme 1.0", "filter short, acme 1.1")]


def test_other_code_under_the_same_version_is_told(ledger: Ledger) -> None:
    for name, number, digest in ((A, 0, "aaaaaaaaaa"), (B, 1, "bbbbbbbbbb")):
        ledger.run(name, [f"short filter f{number}"], number, stage=[])
        ledger.artifact(f"f{number}", "short", "filter", {"a": "a"}, parts={"digest": digest})
    assert difference(ledger).plugins == [{"stage": "short", "a": "code aaaaaaaa", "b": "code bbbbbbbb"}]


def test_counts_that_differ_are_told_and_zeros_are_nothing(pair: Ledger) -> None:
    pair.tally("f0", "a", **{"in": 3, "dropped": 1})
    pair.tally("f1", "a", **{"in": 3, "dropped": 2, "failed": 0})
    pair.tally("f1", "a", "reason", **{"few-words": 2})
    counts = [(row["stage"], row["source"], row["name"], row["a"], row["b"]) for row in difference(pair).counts]
    assert counts == [("short", "a", "dropped", 1, 2), ("short", "a", "few-words", None, 2)]


def test_metrics_are_evaluations_and_last_losses(ledger: Ledger) -> None:
    for name, number in ((A, 0), (B, 1)):
        ledger.run(name, [f"pre train t{number}", f"test evaluate e{number}"], number, stage=[])
        losses = [[f"t{number}", "loss", 5.0 - step - number / 2, step, None] for step in (1, 2)]
        ledger.insert("metrics", *losses, [f"t{number}", "learning_rate", 1.0 + number, 1, None])
        ledger.insert(
            "metrics", [f"e{number}", "bits", 2.0 + number, None, "a"], [f"e{number}", "same", 1.0, None, None]
        )
    metrics = [(row["stage"], row["name"], row["source"], row["a"], row["b"]) for row in difference(ledger).metrics]
    assert metrics == [("pre", "loss", None, 3.0, 2.5), ("test", "bits", "a", 2.0, 3.0)]


def test_a_record_that_one_run_dropped_changed_its_fate(pair: Ledger) -> None:
    assert fates(pair) == [("kept", "short: few-words", 1, [2])]


def test_a_record_dropped_for_another_reason_changed_its_fate(pair: Ledger) -> None:
    pair.decide("f0", 3, "ugly")
    pair.decide("f1", 3, "few-words")
    assert ("short: ugly", "short: few-words", 1, [3]) in fates(pair)


def test_a_record_that_only_one_run_read_is_told(pair: Ledger) -> None:
    pair.run("20260103-000000-cccc", ["read-a read rx"], 3, stage=[])
    pair.artifact("rx", "read-a", "read", {"a": "a"})
    pair.origins("rx", "a", [1, 2, 3, 4])
    with pair.read() as (connection, run):
        found = compare(connection, find_run(connection, A), run).fates
    changes = {(row["a"], row["b"]): [record.int for record in row["examples"]] for row in found}
    assert changes == {("short: few-words", "kept"): [1], ("not there", "kept"): [4]}


def test_five_examples_are_named_and_all_are_counted(pair: Ledger) -> None:
    pair.origins("ra", "a", list(range(10, 30)))
    for number in range(10, 30):
        pair.decide("f1", number, "many-words")
    first = fates(pair)[0]
    assert first == ("kept", "short: many-words", 20, [10, 11, 12, 13, 14])


def test_artifacts_that_both_runs_share_change_nothing(pair: Ledger) -> None:
    pair.decide("ra", 99, "not-json")
    assert rec(99).int not in [number for *_, numbers in fates(pair) for number in numbers]


def test_a_run_does_not_differ_from_itself(pair: Ledger) -> None:
    with pair.read() as (connection, run):
        found = compare(connection, run, run)
    assert [found.config, found.plugins, found.counts, found.metrics, found.fates] == [[]] * 5
