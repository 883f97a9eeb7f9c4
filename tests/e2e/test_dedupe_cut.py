"""A dedupe that cuts: passages that stood before go, documents stay; text for text against a few lines of Python."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import Place, conserve, copied, digests, ended, new_place
from processes import kill, session, until

from finery.data.artifacts import Artifacts
from finery.lineage.store import reading

DRIVE = Path(__file__).with_name("drive.py")
SOURCES = '[[source]]\nname = "a"\npath = "a*.jsonl"\n[[source]]\nname = "b"\npath = "b*.jsonl"\n'
PLUGIN, SPANS = "finery_plugins.dedupe.lines:Lines", "finery_plugins.dedupe.substring:Substring"
LINES = f'[[stage]]\ndedupe = "{PLUGIN}"\nmin_characters = 2\n'
Row = dict[str, Any]

rows_of_two = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from("ab"),
            "text": st.lists(st.sampled_from(["uu", "vv", "ww", "xx", "y", ""]), min_size=1, max_size=4).map("\n".join),
            "q": st.one_of(st.none(), st.integers(-2, 2)),
        }
    ),
    min_size=2,
    max_size=12,
).filter(lambda rows: {row["source"] for row in rows} == {"a", "b"} and any(row["q"] is not None for row in rows))


def written(place: Place, rows: list[Row], stages: str) -> None:
    """Rows of two sources, and a pipeline over them."""
    for source in "ab":
        own = [{k: v for k, v in row.items() if k != "source"} for row in rows if row["source"] == source]
        place.jsonl(f"{source}.jsonl", own)
    place.pipeline(SOURCES + stages)


def read(place: Place, stage: str) -> list[Row]:
    """All records as a stage left them."""
    tables = [place.table(stage.replace("*", source), source) for source in "ab"]
    return [row for table in tables if len(table) for row in table.to_pylist()]


def expected(records: list[Row], prefer: bool, least: int = 2) -> dict[str, str | None]:
    """Each record's text after the cut, None where nothing is left of it."""

    def place(row: Row) -> tuple[bool, int, str]:
        return (row["q"] is None, -(row["q"] or 0), str(row["id"])) if prefer else (True, 0, str(row["id"]))

    documents: dict[str, set[str]] = {}
    for row in records:
        for line in row["text"].split("\n"):
            documents.setdefault(line, set()).add(str(row["id"]))
    seen: set[str] = set()
    texts: dict[str, str | None] = {}
    for row in sorted(records, key=place):
        left, touched = [], False
        for line in row["text"].split("\n"):
            gone = len(line) >= 2 and line in seen and len(documents[line]) >= least
            seen.add(line)
            touched = touched or gone
            left += [] if gone else [line]
        whole = not any(line.strip() for line in left)
        texts[str(row["id"])] = None if whole and touched else "\n".join(left) if touched else row["text"]
    return texts


def bare(text: str | None) -> list[str] | None:
    """The lines of a text that are not blank: which blank ones stay is the plugin's affair."""
    return None if text is None else [line for line in text.split("\n") if line.strip()]


@settings(max_examples=12)
@given(rows_of_two, st.booleans(), st.sampled_from([1, 2]))
def test_every_passage_but_the_first_goes(rows: list[Row], prefer: bool, least: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = new_place(Path(folder))
        more = f"{'prefer = ' + repr('q') if prefer else ''}\nmin_documents = {least}\n"
        written(place, rows, LINES + more)
        place.good()
        conserve(place)
        after = {str(row["id"]): row["text"] for row in read(place, "lines")}
        told = expected(read(place, "read-*"), prefer, least)
        assert {name: bare(after.get(name)) for name in told} == {name: bare(text) for name, text in told.items()}
        gone = {name for name, text in told.items() if text is None}
        assert {str(row["record"]) for row in place.decisions("lines")} == gone


NOTICE = "This notice stands under every page of the site."


@pytest.fixture
def site(place: Place) -> Place:
    """Pages under one notice; one is nothing else, and a source without any."""
    rows = [{"source": "a", "text": f"Page {n} tells of something else, number {n}.\n{NOTICE}"} for n in range(5)]
    rows += [{"source": "b", "text": NOTICE}, {"source": "b", "text": "A page that stands alone here."}]
    written(place, rows, f'[[stage]]\ndedupe = "{PLUGIN}"\n')
    return place


def test_one_copy_of_a_passage_is_left(site: Place) -> None:
    site.good()
    assert sum(NOTICE in row["text"] for row in read(site, "lines")) == 1


def test_a_record_of_nothing_else_is_a_duplicate_that_names_who_stands_for_it(site: Place) -> None:
    place = site
    rows = [{"source": "a", "text": f"{NOTICE}\nPage."}, {"source": "b", "text": NOTICE}]
    for salt in range(20):  # until the id of the page is the smaller one
        rows[0]["text"] = f"{NOTICE}\nPage {salt}."
        written(place, rows, f'[[stage]]\ndedupe = "{PLUGIN}"\n')
        place.good()
        if decisions := place.decisions("lines"):
            break
    [decision] = decisions
    assert (decision["reason"], decision["value"]) == ("duplicate", None)
    assert [str(decision["record"])] == place.ids("read-b", "b")
    assert [str(decision["other"])] == place.ids("read-a", "a")
    assert place.manifests()["lines"]["sources"]["b"]["merged"] == 1


def test_the_summary_says_how_much_was_cut_of_each_source(site: Place) -> None:
    made = site.good()["lines"]
    texts = {str(row["id"]): row["text"] for row in read(site, "read-*")}
    lost = sum(len(texts[str(row["id"])]) - len(row["text"]) for row in read(site, "lines"))
    assert sum(cut["characters"] for cut in made["cut"].values()) == lost
    assert sum(cut["passages"] for cut in made["cut"].values()) == 5
    with reading(site.root) as connection:
        query = "select sum(count) from tallies where kind = 'cut' and name = 'characters'"
        told = connection.execute(query).fetchone()
    assert told == (lost,)


def test_why_says_which_stage_cut_a_record_and_who_stands_for_the_passage(site: Place, monkeypatch: Any) -> None:
    site.good()
    folder = Artifacts(site.root).path(site.manifests()["lines"]["fingerprint"])
    cut = [row for path in folder.glob("cuts-*.parquet") for row in pq.read_table(path).to_pylist()]
    monkeypatch.setenv("FINERY_HOME", str(site.root))
    from places import call

    told = call("why", str(cut[0]["record"])).out
    assert f"lines: kept; {len(NOTICE) + 1} characters cut" in told
    assert str(cut[0]["other"]) in told


def test_two_workers_and_other_batches_leave_the_same_bytes(place: Place, tmp_path: Path) -> None:
    many(place)
    place.good()
    other = copied(place, tmp_path / "q")
    assert ended(other.start("--workers", "2", script=DRIVE)).code == 0
    third = copied(place, tmp_path / "r")
    assert ended(third.start("--workers", "1", script=DRIVE)).code == 0
    assert digests(other.root) == digests(third.root)
    by_id = [sorted((str(row["id"]), row["text"]) for row in read(one, "substring")) for one in (place, other)]
    assert by_id[0] == by_id[1]
    conserve(other)


def many(place: Place) -> None:
    """Documents of which some lines and spans stand in several."""
    for source in "ab":
        rows = []
        for n in range(400):
            common = " ".join(f"w{(n * k) % 37}" for k in range(12)) if n % 3 == 0 else f"own {source} {n}"
            head, tail = f"Head {source} {n * n % 50} of the page", f"Tail of {n % 20} things here"
            rows.append({"text": f"{head}\n{common} end {n}\n{tail}"})
        place.jsonl(f"{source}.jsonl", rows)
    place.pipeline(SOURCES + f'[[stage]]\ndedupe = "{PLUGIN}"\n[[stage]]\ndedupe = "{SPANS}"\ntokens = 8\n')


@pytest.mark.parametrize("kind", ["keys-*", "marks-*", "columns-*"])
def test_a_run_killed_while_it_cuts_goes_on_to_the_same_bytes(place: Place, tmp_path: Path, kind: str) -> None:
    many(place)
    assert ended(place.start("--workers", "2", script=DRIVE)).code == 0
    other = copied(place, tmp_path / "q")
    process = other.start("--workers", "2", script=DRIVE)
    assert until(lambda: any((other.root / "artifacts").glob(f"*.partial/{kind}")))
    kill(process.pid)
    ended(process)
    assert until(lambda: not session(process.pid))
    assert ended(other.start("--workers", "2", script=DRIVE)).code == 0
    assert digests(other.root) == digests(place.root)
    conserve(other)


def test_a_record_that_cannot_be_cut_costs_itself(place: Place) -> None:
    place.write("odd.py", ODD)
    rows = [{"source": "ab"[n % 2], "text": f"shared words\nown {n}"} for n in range(200)]
    rows[7]["text"] += " bad"
    rows[8]["text"] += " bad"
    written(place, rows, '[[stage]]\ndedupe = "odd:Odd"\n')
    made = place.good()["odd"]
    failed = sum(counts["failed"] for counts in made["sources"].values())
    spared = [row["text"] for row in read(place, "odd") if "bad" in row["text"]]  # the first to say what all say
    assert failed + len(spared) == 2
    assert failed >= 1
    assert sum("shared words" in row["text"] for row in read(place, "odd")) == 1


ODD = """
import pyarrow as pa

from finery import hookimpl, plugin


@plugin
class Odd:
    @hookimpl
    def dedupe(self, batch):
        return pa.array([text.split(chr(10)) for text in batch["text"].to_pylist()], pa.list_(pa.large_string()))

    @hookimpl
    def cut(self, batch, repeated):
        made = []
        for text, gone in zip(batch["text"].to_pylist(), repeated.to_pylist()):
            if "bad" in text:
                raise ValueError("a bad text")
            made.append(chr(10).join(line for line, out in zip(text.split(chr(10)), gone, strict=True) if not out))
        return {"text": pa.array(made, pa.large_string())}
"""
