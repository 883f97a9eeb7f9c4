"""A new crawl against the index of an old one: what stays is what one pipeline over both would leave of it."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import Place, conserve, new_place

Row = dict[str, Any]

LINES = "finery_plugins.dedupe.lines:Lines"

rows = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.sampled_from(["old", "new"]),
            "text": st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=2).map(" ".join),
            "at": st.integers(0, 4),
        }
    ),
    min_size=2,
    max_size=14,
).filter(lambda found: {row["age"] for row in found} == {"old", "new"})


def source(*ages: str) -> str:
    """The sources of a pipeline."""
    return "".join(f'[[source]]\nname = "{age}"\npath = "../{age}.jsonl"\n' for age in ages)


def places(folder: Path, records: list[Row]) -> tuple[Place, Place, Place]:
    """Folders for the old pipeline, the new one, and one over both; every record knows whether it is old."""
    for age in ("old", "new"):
        own = [{**row, "age": int(age == "old")} for row in records if row["age"] == age]
        Place(folder).jsonl(f"{age}.jsonl", own)
    old, new, both = (new_place(folder / name) for name in ("first", "second", "both"))
    return old, new, both


def run_all(folder: Path, records: list[Row], dedupe: str, more: str = "") -> tuple[Place, Place, Place]:
    """The old pipeline, the new one with its index, and one over both in which the old are preferred."""
    old, new, both = places(folder, records)
    stage = f'[[stage]]\nid = "d"\ndedupe = "{dedupe}"\n{more}'
    old.pipeline(source("old") + stage + "keep_index = true\n")
    new.pipeline(source("new") + stage + 'earlier = "../first/.finery"\n')
    both.pipeline(source("old", "new") + stage + 'prefer = "age"\n')
    for place in (old, new, both):
        place.good()
        conserve(place)
    return old, new, both


def left(place: Place) -> dict[str, str]:
    """The new records that are left, with their texts."""
    table = place.table("d", "new")
    return {str(row["id"]): row["text"] for row in table.to_pylist()} if len(table) else {}


def some_left(records: list[Row]) -> list[Row]:
    """Records with two that have no duplicate: a stage that leaves none of a pipeline's records is an error."""
    return [*records, *({"age": age, "text": f"alone{age}", "at": 0} for age in ("old", "new"))]


@settings(max_examples=9)
@given(rows, st.sampled_from(["tiny:Keys", "tiny:CloseKeys", "exact"]))
def test_the_same_new_records_stay_as_in_one_pipeline(records: list[Row], dedupe: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _, new, both = run_all(Path(folder), some_left(records), dedupe)
        assert left(new) == left(both)


@settings(max_examples=6)
@given(rows, st.sampled_from([1, 2, 3]))
def test_the_same_passages_are_cut_as_in_one_pipeline(records: list[Row], least: int) -> None:
    lines = [{**row, "text": row["text"].replace(" ", "\n")} for row in some_left(records)]
    with tempfile.TemporaryDirectory() as folder:
        more = f"min_characters = 1\nmin_documents = {least}\n"
        _, new, both = run_all(Path(folder), lines, LINES, more)
        assert left(new) == left(both)


def near_duplicates(count: int) -> list[Row]:
    """Documents of both ages, half of them near-duplicates of one before."""
    draw = random.Random(5)
    texts: list[str] = []
    for _ in range(count):
        words = [f"w{draw.randrange(400)}" for _ in range(60)]
        if texts and draw.random() < 0.5:
            words = draw.choice(texts).split()
            words[draw.randrange(60)] = "changed"
        texts.append(" ".join(words))
    return [{"age": "old" if n % 2 else "new", "text": text, "at": 0} for n, text in enumerate(texts)]


def test_a_loser_names_the_old_record_and_how_alike_they_are(tmp_path: Path) -> None:
    old, new, both = run_all(tmp_path, near_duplicates(600), "minhash")
    assert left(new) == left(both)
    kept = set(old.ids("d", "old"))
    against = [row for row in new.decisions("d") if str(row["other"]) in kept]
    assert len(against) > 50
    told = {row["record"]: (row["other"], row["value"]) for row in both.decisions("d")}
    direct = [row for row in against if row["value"] is not None]
    assert len(direct) > 30
    assert min(row["value"] for row in direct) >= 0.8
    alike = [row for row in direct if told[row["record"]][0] == row["other"]]
    assert len(alike) > len(direct) / 2  # in one pipeline, a new record can join two old groups
    assert all(told[row["record"]][1] == row["value"] for row in alike)


def test_old_text_is_not_read_again(tmp_path: Path) -> None:
    old, new, _ = run_all(tmp_path, near_duplicates(200), "minhash")
    before = [row["other"] for row in new.decisions("d")]
    index = next(path.parent for path in old.root.glob("artifacts/*/index.json"))
    shutil.copytree(index, tmp_path / "index")
    shutil.rmtree(old.root)
    (tmp_path / "old.jsonl").unlink()
    new.pipeline(source("new") + '[[stage]]\nid = "d"\ndedupe = "minhash"\nearlier = ["../index"]\n')
    assert new.runs() == []  # what counts is what the index holds, not where it lies
    shutil.rmtree(new.root)
    new.good()
    assert [row["other"] for row in new.decisions("d")] == before


def test_several_indexes_are_as_good_as_one(tmp_path: Path) -> None:
    records = [{**row, "age": 2 - n % 3} for n, row in enumerate(near_duplicates(400))]
    for n, name in enumerate(("new", "two", "one")):
        Place(tmp_path).jsonl(f"{name}.jsonl", [row for row in records if row["age"] == n])
    stage = '[[stage]]\nid = "d"\ndedupe = "minhash"\n'
    work = new_place(tmp_path / "work")
    for age in ("one", "two"):
        work.pipeline(f'name = "{age}"\n' + source(age) + stage + "keep_index = true\n")
        work.good()
    runs = sorted(file.stem for file in (work.root / "runs").glob("*.json"))
    work.pipeline(source("new") + stage + f'earlier = ["{runs[0]}", "{runs[1]}/d"]\n')
    work.good()
    both = new_place(tmp_path / "both")
    both.pipeline(source("one", "two", "new") + stage + 'prefer = "age"\n')
    both.good()
    assert left(work) == left(both)
    conserve(work)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Place, Place]:
    """An old run with an index, and a place for a new one."""
    old, new, _ = places(tmp_path, near_duplicates(40))
    old.pipeline(source("old") + '[[stage]]\nid = "d"\ndedupe = "minhash"\nkeep_index = true\n')
    old.good()
    return old, new


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ('dedupe = "minhash"\nbands = 20', "option bands: 14 -> 20"),
        ('dedupe = "exact"', "was made by finery_plugins.dedupe.minhash:MinHash (finery"),
        ('dedupe = "exact"', "this stage is finery_plugins.dedupe.exact:Exact (finery"),
    ],
)
def test_an_index_of_another_make_is_refused_by_name(two: tuple[Place, Place], stage: str, said: str) -> None:
    _, new = two
    new.pipeline(source("new") + f'[[stage]]\nid = "d"\n{stage}\nearlier = "../first/.finery"\n')
    outcome = new.run()
    assert outcome.code == 2
    assert outcome.err.startswith("pipeline.toml:4: stage 'd': the index '")
    assert said in outcome.err


def test_an_index_that_is_not_there_is_a_fault(two: tuple[Place, Place]) -> None:
    old, new = two
    new.pipeline(source("new") + '[[stage]]\nid = "d"\ndedupe = "minhash"\nearlier = "20200101-000000-0000"\n')
    assert "there is no earlier dedupe '20200101-000000-0000'" in new.run().err
    old.pipeline(source("old") + '[[stage]]\nid = "d"\ndedupe = "minhash"\n')
    shutil.rmtree(old.root)
    old.good()
    new.pipeline(source("new") + '[[stage]]\nid = "d"\ndedupe = "minhash"\nearlier = "../first/.finery"\n')
    assert "keeps no index: give that stage keep_index = true and run it again" in new.run().err


def test_code_that_gives_other_keys_is_found_out(tmp_path: Path) -> None:
    old, new, _ = places(tmp_path, near_duplicates(40))
    for place in (old, new):
        place.write("mine.py", MINE)
    old.pipeline(source("old") + '[[stage]]\nid = "d"\ndedupe = "mine:Mine"\nkeep_index = true\n')
    old.good()
    new.pipeline(source("new") + '[[stage]]\nid = "d"\ndedupe = "mine:Mine"\nearlier = "../first/.finery"\n')
    new.write("mine.py", MINE + "# as it was\n")
    new.good()
    new.write("mine.py", MINE.replace("text[:9]", "text[:8]"))
    outcome = new.run()
    assert outcome.code == 2
    assert "make the index again with this version" in outcome.err


MINE = """
import pyarrow as pa

from finery import hookimpl, plugin


@plugin
class Mine:
    @hookimpl
    def dedupe(self, batch):
        return pa.array([text[:9] for text in batch["text"].to_pylist()], pa.large_string())
"""


def test_a_changed_index_runs_the_stage_again_and_the_plan_says_why(two: tuple[Place, Place]) -> None:
    old, new = two
    new.pipeline(source("new") + '[[stage]]\nid = "d"\ndedupe = "minhash"\nearlier = "../first/.finery"\n')
    new.good()
    assert new.runs() == []
    old.jsonl("../old.jsonl", [{"text": "one other document"}, {"text": "and one more"}])
    old.good()
    assert new.plan()["d"]["why"] == "the index of an earlier run changed"


@pytest.mark.parametrize("word", ["earlier = 'x'", "keep_index = true"])
@pytest.mark.parametrize("stage", ['filter = "tiny:Short"', 'dedupe = "finery_plugins.dedupe.substring:Substring"'])
def test_the_words_stand_where_they_mean_something(place: Place, stage: str, word: str) -> None:
    place.jsonl("new.jsonl", [{"text": "one"}])
    place.pipeline(f'[[source]]\nname = "new"\npath = "new.jsonl"\n[[stage]]\n{stage}\n{word}\n')
    outcome = place.run()
    assert outcome.code == 2
    assert outcome.err.startswith(f"pipeline.toml:6: '{word.split()[0]}' has no meaning in a filter stage") or (
        "can keep no index" in outcome.err
    )
