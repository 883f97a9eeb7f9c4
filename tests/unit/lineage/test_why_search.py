"""Records by their text or by the line that they stood on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import Ledger, rec

from finery.lineage.search import EXCERPT, Found, excerpt, in_lineage, in_texts


def write(root: Path, artifact: str, numbers: list[int], columns: dict[str, Any], name: str = "data-00000") -> None:
    """A base file of an artifact."""
    folder = root / "artifacts" / artifact
    folder.mkdir(parents=True, exist_ok=True)
    ids = pa.array([rec(number).bytes for number in numbers], pa.uuid())
    pq.write_table(pa.table({"id": ids, **columns}), folder / f"{name}.parquet")


@pytest.fixture
def library(ledger: Ledger) -> Ledger:
    """A run that read texts and chats."""
    ledger.run("20260101-000000-aaaa", ["read-a read ra", "read-c read rc"])
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.artifact("rc", "read-c", "read", {"c": "c"})
    ledger.origins("ra", "a", [1, 2, 3])
    ledger.decide("ra", 99, "not-json", detail="a.jsonl:5: no brace")
    texts = ["the river runs", "a 'quoted' \"river\"", "stones\nand 100 % sand_"]
    write(ledger.root, "ra", [1, 2, 3], {"text": pa.array(texts, pa.large_string()), "n": [1, 2, 3]})
    chats = [[{"role": "user", "content": "where is the 'delta'?"}], [{"role": "user", "content": "here\nindeed"}]]
    write(ledger.root, "rc", [21, 22], {"messages": chats, "tags": [["wet"], None]})
    return ledger


def found(ledger: Ledger, snippet: str) -> Found:
    """What a search of the texts finds."""
    with ledger.read() as (_, run):
        return in_texts(ledger.root, run, snippet)


def records(ledger: Ledger, snippet: str) -> list[int]:
    """The numbers of the records that hold a snippet."""
    return [hit.record.int for hit in found(ledger, snippet).hits]


@pytest.mark.parametrize(
    ("snippet", "numbers"),
    [("river", [1, 2]), ("'quoted'", [2]), ("and 100 % sand_", [3]), ("stones\nand", [3]), ("River", []), ("%", [3])],
)
def test_text_is_found_as_it_stands(library: Ledger, snippet: str, numbers: list[int]) -> None:
    assert records(library, snippet) == numbers


@pytest.mark.parametrize(("snippet", "number"), [("the 'delta'?", 21), ("here\nindeed", 22), ("wet", 21)])
def test_text_in_nested_columns_is_found(library: Ledger, snippet: str, number: int) -> None:
    assert records(library, snippet) == [number]


def test_a_repeated_record_is_found_under_its_own_id(library: Ledger) -> None:
    table = pa.table({"row": [1], "id": pa.array([rec(77).bytes], pa.uuid())})
    pq.write_table(table, library.root / "artifacts/ra/ids-00000.parquet")
    assert records(library, "river") == [1, 77]


def test_ten_hits_are_named_and_all_are_counted(library: Ledger) -> None:
    write(library.root, "rc", list(range(50, 75)), {"text": ["a boat"] * 25}, "data-00001")
    hits = found(library, "boat")
    assert (len(hits.hits), hits.total) == (10, 25)


def test_a_source_without_text_is_passed_over(library: Ledger) -> None:
    (library.root / "artifacts/rc/data-00000.parquet").unlink()
    write(library.root, "rc", [21], {"n": [1]})
    assert records(library, "river") == [1, 2]


def lineage(ledger: Ledger, snippet: str) -> list[int]:
    """The numbers of the records that a search of the lineage finds."""
    with ledger.read() as (connection, run):
        return [hit.record.int for hit in in_lineage(connection, run, snippet).hits]


def test_a_record_is_found_by_its_file_and_line(library: Ledger) -> None:
    assert lineage(library, "a.jsonl:2") == [2]
    assert lineage(library, "b.jsonl:2") == []


def test_a_broken_row_is_found_by_its_line_and_by_its_cause(library: Ledger) -> None:
    assert lineage(library, "a.jsonl:5") == [99]
    assert lineage(library, "no brace") == [99]


@given(st.text(), st.text(min_size=1, max_size=200), st.text())
def test_an_excerpt_is_one_short_line(before: str, snippet: str, after: str) -> None:
    cut = excerpt(before + snippet + after, snippet)
    assert len(cut) <= EXCERPT + len("...  ...")
    assert "\n" not in cut


@given(st.text("ab ", max_size=300), st.text("xyz", min_size=1, max_size=60), st.text("ab ", max_size=300))
def test_an_excerpt_shows_what_was_searched_for(before: str, snippet: str, after: str) -> None:
    assert snippet in excerpt(before + snippet + after, snippet)
