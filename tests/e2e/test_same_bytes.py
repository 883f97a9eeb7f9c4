"""The same pipeline leaves the same bytes, whatever the workers, the batch size, and the names of the files."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from places import Place, conserve, copied, digests, ended, new_place

from finery.lineage.store import reading

PIPELINE = """
name = "same"
seed = 5
[[source]]
name = "a"
path = "a/*.parquet"
[[source]]
name = "b"
path = "b/*.jsonl"
[[stage]]
filter = "tiny:Short"
[[stage]]
score = "tiny:Words"
[[stage]]
format = "tiny:Lower"
[[stage]]
format = "tiny:Lines"
[[stage]]
dedupe = "exact"
prefer = "words"
[[stage]]
dedupe = "minhash"
prefer = "-weight"
[[stage]]
mix = "tiny:Epochs"
epochs = { a = 0.5, b = 2.3 }
[[stage]]
format = "split"
validation = 0.1
"""

WORDS = [f"w{number}" for number in range(300)]


def texts(count: int, seed: int) -> list[str]:
    """Made-up texts: short ones, repeated ones, nearly repeated ones, several lines."""
    draw = random.Random(seed)
    made: list[str] = []
    for number in range(count):
        words = draw.choices(WORDS, k=draw.randint(0, 40))
        if made and number % 7 == 0:
            words = [*made[-1].split(" "), "again"]
        text = " ".join(words)
        made.append(draw.choice(made) if made and number % 11 == 0 else text.replace("w1 ", "W1\n"))
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run with one worker: three shards of `a`, two of `b`."""
    place = written(tmp_path_factory.mktemp("same") / "one")
    place.good()
    conserve(place)
    return place


def written(folder: Path) -> Place:
    """The input: files whose columns differ, so that each becomes a shard of its own."""
    place = new_place(folder)
    for number in range(3):
        rows = texts(700, number)
        columns = {"text": rows, **{f"more{n}": list(range(700)) for n in range(number)}}
        place.write("a/x", "")
        pq.write_table(pa.table(columns), folder / f"a/part-{number}.parquet")
    rows = [{"text": text} for text in texts(9000, 3)]
    place.jsonl("b/all.jsonl", [*rows, {"text": "a last one", "more": 1}])
    place.pipeline(PIPELINE)
    return place


def test_there_is_something_to_compare(plain: Place) -> None:
    made = plain.manifests()
    assert [s["source"] for s in made["read-a"]["shards"]] == ["a"] * 3
    assert len(made["read-b"]["shards"]) == 2
    for stage, fate in (("short", "dropped"), ("exact", "merged"), ("minhash", "merged"), ("epochs", "born")):
        assert sum(counts[fate] for counts in made[stage]["sources"].values()) > 100, stage


def test_another_run_in_another_folder_is_equal(plain: Place, tmp_path: Path) -> None:
    other = copied(plain, tmp_path / "p")
    other.good()
    assert digests(other.root) == digests(plain.root)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_two_workers_are_equal_to_one(plain: Place, tmp_path: Path, kind: str) -> None:
    changes = (("THREADS = False", "THREADS = True"),) if kind == "threads" else ()
    other = copied(plain, tmp_path / "p", *changes)
    assert ended(other.start("--workers", "2")).code == 0
    assert digests(other.root) == digests(plain.root)
    conserve(other)


@pytest.mark.parametrize("size", ["1000", "7"])
def test_another_batch_size_is_equal(plain: Place, tmp_path: Path, size: str) -> None:
    other = copied(plain, tmp_path / "p", ("BATCH: int | None = None", f"BATCH: int | None = {size}"))
    other.good()
    assert digests(other.root) == digests(plain.root)


def test_decisions_are_equal_in_the_lineage(plain: Place, tmp_path: Path) -> None:
    other = copied(plain, tmp_path / "p", ("THREADS = False", "THREADS = True"))
    other.good("--workers", "2")
    assert lineage(other) == lineage(plain)


def lineage(place: Place) -> list[tuple[object, ...]]:
    """Every decision, by stage."""
    with reading(place.root) as connection:
        query = "select stage, d.* exclude (artifact) from decisions d join artifacts using (artifact) order by all"
        return connection.execute(query).fetchall()


def test_file_names_and_their_order_do_not_change_ids(plain: Place, tmp_path: Path) -> None:
    other = copied(plain, tmp_path / "p")
    for old, new in (("part-0", "z-last"), ("part-2", "first")):
        (other.folder / f"a/{old}.parquet").rename(other.folder / f"a/{new}.parquet")
    other.good()
    for stage in ("read-a", "exact", "split"):
        assert sorted(other.ids(stage, "a")) == sorted(plain.ids(stage, "a")), stage


def test_stages_added_one_by_one_are_equal_to_all_at_once(plain: Place, tmp_path: Path) -> None:
    other = copied(plain, tmp_path / "p")
    head, *stages = PIPELINE.split("[[stage]]")
    for number in range(1, len(stages) + 1):
        other.pipeline("[[stage]]".join([head, *stages[:number]]))
        other.good()
    assert digests(other.root) == digests(plain.root)
