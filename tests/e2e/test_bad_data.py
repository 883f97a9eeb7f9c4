"""Input that cannot be read: named by file and line, never lost in silence, and a good run works afterwards."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from places import Outcome, Place

STAGE = '[[stage]]\nfilter = "length"\nmin_words = 1\n'
LINES = [json.dumps({"text": f"a short text {number}"}) for number in range(400)]


def reads(place: Place, name: str, content: str | bytes, options: str = "") -> Outcome:
    """Run over one file."""
    place.write(name, content)
    place.pipeline(f'[[source]]\nname = "a"\npath = "{name}"\n{options}\n{STAGE}')
    outcome = place.run()
    assert "Traceback" not in outcome.err
    return outcome


def refused(place: Place, name: str, content: str | bytes, *said: str, options: str = "", code: int = 1) -> None:
    """Run over a file that cannot be read; then over a good one in the same work folder."""
    outcome = reads(place, name, content, options)
    (place.folder / name).unlink()
    assert reads(place, "good.jsonl", "\n".join(LINES)).code == 0
    assert outcome.code == code, outcome
    for part in said:
        assert part in outcome.err, outcome.err


def with_bad(*bad: str | bytes, count: int = 400) -> bytes:
    """Good lines with bad ones behind the tenth."""
    lines = [line.encode() for line in LINES[:count]]
    return b"\n".join([*lines[:10], *(b if isinstance(b, bytes) else b.encode() for b in bad), *lines[10:]]) + b"\n"


def deep(levels: int) -> str:
    """JSON in JSON in JSON."""
    return '{"text": ' + "[" * levels + "]" * levels + "}"


BAD_LINES: dict[str, tuple[str | bytes, str]] = {
    "not JSON": ('{"text": "half', "not-json"),
    "not UTF-8": (b'{"text": "\xff\xfe"}', "not-utf8"),
    "an array": ("[1, 2]", "not-object"),
    "a number": ("7", "not-object"),
    "a nested bomb": (deep(100_000), "too-deep"),
    "NUL bytes": (b"\0" * 100, "not-json"),
    "without the text": ('{"words": 3}', "missing-field"),
    "binary": (bytes(range(14, 256)), "not-utf8"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_a_decision_with_its_place(place: Place, name: str) -> None:
    line, reason = BAD_LINES[name]
    assert reads(place, "a.jsonl", with_bad(line)).code == 0
    [decision] = place.decisions("read-a")
    assert decision["reason"] == reason
    assert decision["detail"].startswith("a.jsonl:11: ")
    assert len(place.ids("length", "a")) == 400


@pytest.mark.parametrize("name", BAD_LINES)
def test_too_many_bad_lines_end_the_run_and_name_the_first(place: Place, name: str) -> None:
    line, reason = BAD_LINES[name]
    said = "stage 'read-a': 3 of 103 records failed, more than max_bad = 0.01 allows: first: a.jsonl:11: "
    refused(place, "a.jsonl", with_bad(line, line, line, count=100), said, f"({reason})")


CASES: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("a.jsonl", "", "source 'a': has no records"),
    "only blank lines": ("a.jsonl", "\n\n\n", "source 'a': has no records"),
    "empty CSV": ("a.csv", "", "source 'a': has no records"),
    "only a header": ("a.csv", "text,label\n", "source 'a': has no records"),
    "half-written gzip": (
        "a.jsonl.gz",
        gzip.compress("\n".join(LINES).encode())[:-400],
        "source 'a': of its 1 files, at least 1 break off or are damaged: first: a.jsonl.gz:",
    ),
    "no gzip": ("a.jsonl.gz", "\n".join(LINES), "source 'a': no record can be read; the first fault is damaged"),
    "half-written zstd": ("a.jsonl.zst", b"\x28\xb5\x2f\xfd\x04\x00", "a.jsonl.zst"),
    "no Parquet": ("a.parquet", "\n".join(LINES), "source 'a': cannot read 'a.parquet': "),
    "empty Parquet file": ("a.parquet", b"", "source 'a': cannot read 'a.parquet': "),
    "binary": ("a.jsonl", bytes(range(256)) * 40, "source 'a': no record can be read; the first fault is "),
    "one JSON array": ("a.jsonl", json.dumps([{"text": "x"}], indent=1), "source 'a'"),
    "half-written JSON": (
        "a.json",
        json.dumps([{"text": "x"}] * 50)[:-100],
        "at least 1 break off or are damaged: first: a.json:",
    ),
    "ragged CSV": ("a.csv", "text,label\n" + "a,b\na,b,c\n" * 50, "stage 'read-a': 50 of 100 records failed"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file_ends_the_run(place: Place, name: str) -> None:
    file, content, said = CASES[name]
    refused(place, file, content, said)


def test_a_line_of_50_megabytes_is_a_record(place: Place) -> None:
    line = '{"text": "' + "word " * 10_000_000 + '"}'
    assert reads(place, "a.jsonl", with_bad(line)).code == 0
    assert place.decisions("length")[0]["reason"] == "many-words"


def test_a_line_that_is_too_long_is_a_decision(place: Place) -> None:
    line = '{"text": "' + "word " * 14_000_000 + '"}'
    assert reads(place, "a.jsonl", with_bad(line)).code == 0
    [decision] = place.decisions("read-a")
    assert (decision["reason"], decision["detail"]) == ("too-long", "a.jsonl:11: longer than 67,108,864 bytes")


def test_a_broken_gzip_keeps_what_stands_before_the_break(place: Place) -> None:
    rows: list[dict[str, Any]] = [{"text": f"{number * 7919 % 10007} text {number}"} for number in range(20_000)]
    content = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    assert reads(place, "a.jsonl.gz", content[:-3000], "max_bad = 1").code == 0
    [decision] = place.decisions("read-a")
    assert decision["reason"] == "truncated"
    assert 1000 < len(place.ids("read-a", "a")) < 20_000


def test_columns_may_have_any_name(place: Place) -> None:
    names = ("row", "shard", "node", "key", "chance", "weight", "file", "a", "b", "place", "label", "prefer", "new")
    rows = [
        {"text": f"text {number % 9} of many words for shingles", **dict.fromkeys(names, number)}
        for number in range(40)
    ]
    place.jsonl("a.jsonl", rows)
    place.pipeline(
        '[[source]]\nname = "a"\npath = "a.jsonl"\n[[stage]]\ndedupe = "exact"\nprefer = "row"\n'
        '[[stage]]\ndedupe = "minhash"\nthreshold = 0.5\nbands = 50\nrows = 1\nprefer = "node"\n'
        '[[stage]]\nmix = "tiny:Epochs"\nepochs = { a = 1.5 }\nunit = "weight"\n'
    )
    made = place.good()
    assert made["exact"]["sources"]["a"]["kept"] == 9


def test_a_field_named_as_the_kernel_names_its_own_is_kept_under_another_name(place: Place) -> None:
    rows = [{"text": f"text {number}", "id": number, "source": "web", "parent": None} for number in range(5)]
    assert reads(place, "a.jsonl", "\n".join(map(json.dumps, rows))).code == 0
    table = place.table("length", "a")
    assert table.column_names == ["id", "source", "text", "original_id", "original_source", "original_parent"]
    assert table["original_id"].to_pylist() == [0, 1, 2, 3, 4]
