"""Dedupe's groups and mix's draws, record for record against a few lines of plain Python."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import Place, conserve, new_place

from finery.data.artifacts import Artifacts
from finery.data.identity import stage_seed, unit_interval

SOURCES = '[[source]]\nname = "a"\npath = "a.jsonl"\n[[source]]\nname = "b"\npath = "b.jsonl"\n'
Row = dict[str, Any]

rows_of_two = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from("ab"),
            "text": st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=2).map(" ".join),
            "q": st.one_of(st.none(), st.integers(-2, 2)),
            "at": st.integers(0, 4),
        }
    ),
    min_size=2,
    max_size=16,
).filter(lambda rows: {row["source"] for row in rows} == {"a", "b"} and any(row["q"] is not None for row in rows))


@contextmanager
def ran(rows: list[Row], stages: str) -> Iterator[Place]:
    """A run over rows of two sources."""
    with tempfile.TemporaryDirectory() as folder:
        place = new_place(Path(folder))
        for source in "ab":
            own = [{k: v for k, v in row.items() if k != "source"} for row in rows if row["source"] == source]
            place.jsonl(f"{source}.jsonl", own)
        place.pipeline(SOURCES + stages)
        place.good()
        conserve(place)
        yield place


def records(place: Place, stage: str) -> list[Row]:
    """All records as a stage left them."""
    tables = [place.table(stage.replace("*", s), s) for s in "ab"]
    return [row for table in tables for row in table.to_pylist()]


def groups(ranked: list[Row], edges: set[tuple[int, int]]) -> dict[str, str]:
    """Each record that goes and the one that stands for it: the first of its component."""
    label = list(range(len(ranked)))
    for _ in ranked:
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    return {str(row["id"]): str(ranked[label[n]]["id"]) for n, row in enumerate(ranked) if label[n] != n}


def ranked_by(rows: list[Row], prefer: str | None) -> list[Row]:
    """Records in the order in which they would survive: by what is preferred, nulls last, then by id."""
    sign = 1 if (prefer or "").startswith("-") else -1

    def place(row: Row) -> tuple[bool, int, str]:
        value = row["q"] if prefer else None
        return value is None, 0 if value is None else sign * value, str(row["id"])

    return sorted(rows, key=place)


def losers(place: Place, stage: str) -> dict[str, str]:
    """Who left at a dedupe, and for whom."""
    return {str(row["record"]): str(row["other"]) for row in place.decisions(stage)}


@settings(max_examples=25)
@given(rows_of_two, st.sampled_from([None, "q", "-q"]))
def test_records_that_share_a_key_become_one(rows: list[Row], prefer: str | None) -> None:
    words = f'[[stage]]\ndedupe = "tiny:Keys"\n{f"prefer = {prefer!r}" if prefer else ""}\n'
    with ran(rows, words) as place:
        ranked = ranked_by(records(place, "read-*"), prefer)
        edges = {
            (i, j) for i, j in combinations(range(len(ranked)), 2)
            if set(ranked[i]["text"].split()) & set(ranked[j]["text"].split())
        }  # fmt: skip
        assert losers(place, "keys") == groups(ranked, edges)


@settings(max_examples=25)
@given(rows_of_two, st.sampled_from([None, "q", "-q"]))
def test_records_that_are_not_the_same_stay_apart(rows: list[Row], prefer: str | None) -> None:
    words = f'[[stage]]\ndedupe = "tiny:CloseKeys"\n{f"prefer = {prefer!r}" if prefer else ""}\n'
    with ran(rows, words) as place:
        ranked = ranked_by(records(place, "read-*"), prefer)
        edges: set[tuple[int, int]] = set()
        for word in "uvwxyz":
            members = [n for n, row in enumerate(ranked) if word in row["text"].split()]
            candidates = {*pairwise(members), *((members[0], other) for other in members[1:])}
            edges |= {(a, b) for a, b in candidates if abs(ranked[a]["at"] - ranked[b]["at"]) <= 1}
        assert losers(place, "closekeys") == groups(ranked, edges)


def test_survivors_do_not_depend_on_the_order_of_records() -> None:
    rows = [
        {"source": "ab"[n % 2], "text": f"{'uvwxyz'[n % 6]} {'uvwxyz'[n * 5 % 6]}{n % 17}", "q": n % 5}
        for n in range(300)
    ]
    stage = '[[stage]]\ndedupe = "tiny:Keys"\nprefer = "q"\n'
    with ran(rows, stage) as place, ran(rows[::-1], stage) as other:
        assert losers(place, "keys") == losers(other, "keys")
        assert len(losers(place, "keys")) > 100


def test_a_chain_is_one_group_of_any_length() -> None:
    rows = [{"source": "ab"[n % 2], "text": f"k{n} k{n + 1}"} for n in range(500)]
    with ran(rows, '[[stage]]\ndedupe = "tiny:Keys"\n') as place:
        found = losers(place, "keys")
        assert len(found) == 499
        assert set(found.values()) == {min(str(row["id"]) for row in records(place, "read-*"))}


def test_nan_is_never_preferred() -> None:
    rows = [{"source": "ab"[n % 2], "text": "k", "at": n} for n in range(6)]
    stages = '[[stage]]\nscore = "odd:Odd"\n[[stage]]\ndedupe = "tiny:Keys"\nprefer = "odd"\n'
    with tempfile.TemporaryDirectory() as folder:
        place = new_place(Path(folder))
        place.write(
            "odd.py",
            "import pyarrow as pa\nfrom finery import hookimpl, plugin\n\n\n@plugin\nclass Odd:\n    @hookimpl\n"
            "    def score(self, batch):\n"
            "        at = batch['at'].to_pylist()\n"
            "        return {'odd': pa.array([float(n) if n % 2 else float('nan') for n in at], pa.float64())}\n",
        )
        for source in "ab":
            place.jsonl(f"{source}.jsonl", [row for row in rows if row["source"] == source])
        place.pipeline(SOURCES + stages)
        place.good()
        [left] = records_left(place, "keys")
        assert left["at"] == 5


def records_left(place: Place, stage: str) -> list[Row]:
    """The records of both sources behind a stage."""
    tables = [place.table(stage, source) for source in "ab"]
    return [row for table in tables if len(table) for row in table.to_pylist()]


def chances(table: pa.Table, stage: str) -> list[tuple[float, str]]:
    """Each record's chance at a stage, with its id."""
    drawn = unit_interval(table["id"], stage_seed(0, stage)).tolist()
    return sorted(zip(drawn, map(str, table["id"].to_pylist()), strict=True))


@settings(max_examples=25)
@given(st.integers(1, 30), st.floats(0, 4), st.floats(0.1, 4))
def test_epochs_are_exact_to_a_record_and_fall_on_the_smallest_hashes(count: int, a: float, b: float) -> None:
    rows = [{"source": "ab"[n < count], "text": f"text {n}"} for n in range(count + 20)]
    with ran(rows, f'[[stage]]\nmix = "tiny:Epochs"\nepochs = {{ a = {a!r}, b = {b!r} }}\n') as place:
        for source, epochs in (("a", a), ("b", b)):
            before = chances(place.table("read-" + source, source), "epochs")
            more = sum(n + 0.5 < (epochs - int(epochs)) * len(before) for n in range(len(before)))
            expected = Counter(
                {record: int(epochs) + (n < more) for n, (_, record) in enumerate(before) if int(epochs) + (n < more)}
            )
            assert Counter(originals(place, source)) == expected
            assert abs(sum(expected.values()) - epochs * len(before)) <= 0.5


def originals(place: Place, source: str) -> list[str]:
    """For each record behind the mix, the record that it is, or is a copy of."""
    parents = parents_of(place, "epochs")
    return [parents.get(record, record) for record in place.ids("epochs", source)]


def parents_of(place: Place, stage: str) -> dict[str, str]:
    """Each born record's parent at a stage."""
    folder = Artifacts(place.root).path(place.manifests()[stage]["fingerprint"])
    rows = [row for path in folder.glob("parents-*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len({row["child"] for row in rows}) == len(rows)
    return {str(row["child"]): str(row["parent"]) for row in rows}


@pytest.mark.parametrize("unit", ["characters", "words", "weight"])
def test_epochs_in_another_unit_are_exact_to_a_record(place: Place, unit: str) -> None:
    texts = [" ".join(["word"] * (1 + n * n % 40)) for n in range(200)]
    place.jsonl("a.jsonl", [{"text": f"{text} {n}"} for n, text in enumerate(texts)])
    place.jsonl("b.jsonl", [{"text": f"b {n}"} for n in range(10)])
    place.pipeline(
        f'{SOURCES}[[stage]]\nscore = "tiny:Words"\n[[stage]]\nmix = "tiny:Epochs"\nepochs = {{ a = 1.25, b = 0.3 }}\n'
        f'unit = "{unit}"\n'
    )
    made = place.good()["epochs"]
    for source, epochs in (("a", 1.25), ("b", 0.3)):
        before, after = (amounts(place.table(stage, source), unit) for stage in ("words", "epochs"))
        assert made["draw"]["amounts"][source] == pytest.approx(before.sum())
        assert abs(after.sum() - epochs * before.sum()) <= before.max()


def amounts(table: pa.Table, unit: str) -> np.ndarray:
    """What each record counts."""
    if unit == "characters":
        return np.array([len(text) for text in table["text"].to_pylist()])
    found: np.ndarray = table[unit].to_numpy()
    return found


def test_characters_are_counted_once_where_a_score_counts_them_too(place: Place) -> None:
    place.jsonl("a.jsonl", [{"text": "x" * 10 + str(n)} for n in range(10)])
    place.jsonl("b.jsonl", [{"text": "y"}])
    place.pipeline(
        f'{SOURCES}[[stage]]\nscore = "statistics"\n'
        '[[stage]]\nmix = "tiny:Epochs"\nepochs = {}\nunit = "characters"\n'
    )
    assert place.good()["epochs"]["draw"]["amounts"] == {"a": 110, "b": 1}


def test_copies_of_copies_have_ids_of_their_own_and_know_their_parents(place: Place) -> None:
    for source in "ab":
        place.jsonl(f"{source}.jsonl", [{"text": f"{source} {n}"} for n in range(5)])
    place.pipeline(
        f'{SOURCES}[[stage]]\nmix = "tiny:Epochs"\nepochs = {{ a = 3 }}\n'
        '[[stage]]\nid = "more"\nmix = "tiny:Epochs"\nepochs = { a = 2, b = 2 }\n'
    )
    made = place.good()
    assert made["more"]["sources"]["a"] == {**made["more"]["sources"]["a"], "in": 15, "kept": 15, "born": 15}
    first, second = parents_of(place, "epochs"), parents_of(place, "more")
    read = set(place.ids("read-a", "a"))
    roots = [first.get(second.get(r, r), second.get(r, r)) for r in place.ids("more", "a")]
    assert Counter(roots) == dict.fromkeys(read, 6)


def test_a_source_that_is_left_out_has_a_decision_a_record(place: Place) -> None:
    for source in "ab":
        place.jsonl(f"{source}.jsonl", [{"text": f"{source} {n}"} for n in range(5)])
    place.pipeline(
        f'{SOURCES}[[stage]]\nmix = "tiny:Epochs"\nepochs = {{ a = 0 }}\n[[stage]]\nscore = "tiny:Words"\n'
        '[[stage]]\ndedupe = "exact"\n[[stage]]\nformat = "tiny:Lines"\n'
    )
    place.good()
    decisions = place.decisions("epochs")
    assert [(row["reason"], row["bound"]) for row in decisions] == [("not-drawn", 0.0)] * 5
    assert len(place.ids("lines", "b")) == 5
