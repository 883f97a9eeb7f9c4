"""Machines that share a store and no disk: tasks run in copies of their own and leave the bytes of one machine."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from buckets import bucket, pull
from places import Place, conserve, copied, digests, new_place

from finery.executors import warm
from finery.executors.local import LocalExecutor
from finery.executors.tasks import is_here
from finery.lineage.store import reading

__all__ = ["bucket"]

PIPELINE = """
[[source]]
name = "a"
path = "a/*.parquet"
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
filter = "tiny:Short"
[[stage]]
score = "tiny:Words"
[[stage]]
filter = "blocklist"
files = ["blocked.txt"]
[[stage]]
dedupe = "lines"
[[stage]]
dedupe = "exact"
prefer = "words"
[[stage]]
dedupe = "minhash"
threshold = 0.5
[[stage]]
mix = "tiny:Epochs"
epochs = { a = 1.5, b = 0.5 }
[[stage]]
format = "tiny:Lines"
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run on this machine, without a store, over several shards."""
    place = new_place(tmp_path_factory.mktemp("store") / "plain")
    draw = random.Random(3)
    texts = [" ".join(f"w{draw.randrange(60)}" for _ in range(draw.randint(3, 30))) for _ in range(300)]
    texts += [f"{text} again\nwith a tail\nwith a tail" for text in texts]
    place.write("a/x", "")
    for number in range(3):  # columns that differ make a shard of each
        columns = {"text": texts[number::3], **{f"more{n}": list(range(200)) for n in range(number)}}
        pq.write_table(pa.table(columns), place.folder / f"a/{number}.parquet")
    place.jsonl("b.jsonl", [{"text": text} for text in texts[::2]])
    place.write("blocked.txt", "w7\n")
    place.pipeline(PIPELINE)
    place.good()
    conserve(place)
    return place


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two machines that take turns, with nothing of the driver's but what a task carries."""
    roots = [tmp_path / "node-0", tmp_path / "node-1"]

    def run(self: LocalExecutor, tasks: Sequence[Any], threads: bool) -> Iterator[tuple[int, Any]]:
        for number, task in enumerate(tasks):
            if is_here(task):
                yield number, task.run()
            else:
                gone = pickle.loads(pickle.dumps(warm.leaving(task)))
                yield number, warm.at_home(gone, str(number % 2)).run()

    monkeypatch.setattr(LocalExecutor, "run", run)
    monkeypatch.setattr(LocalExecutor, "parts", lambda self: 2)
    monkeypatch.setattr(warm, "copy_on", lambda node, url: roots[int(node)])
    return roots


def test_copies_do_not_show_in_the_bytes(plain: Place, tmp_path: Path, nodes: list[Path], bucket: str) -> None:
    place = copied(plain, tmp_path / "p")
    store = f"{bucket}/{tmp_path.name}"
    outcome = place.run("--set", f"run.store={store}")
    assert outcome.code == 0, outcome
    pull(place.root, store)
    assert digests(place.root) == digests(plain.root)
    conserve(place)
    assert all((root / "artifacts").is_dir() for root in nodes)
    names = {path.name for root in nodes for path in root.rglob("*") if path.is_file()}
    assert "blocked.txt" in names


def test_another_machine_reuses_what_is_finished_and_knows_its_lineage(
    plain: Place, tmp_path: Path, bucket: str
) -> None:
    store = ("--set", f"run.store={bucket}/{tmp_path.name}")
    first, second = copied(plain, tmp_path / "first"), copied(plain, tmp_path / "second")
    assert first.run("--until", "minhash", *store).code == 0
    assert second.run(*store).code == 0
    reused = {stage["id"] for stage in second.record()["stages"] if stage["reused"]}
    assert {"read-a", "read-b", "exact", "minhash"} <= reused and "lines-2" not in reused
    assert {name: found["fingerprint"] for name, found in second.manifests().items()} == {
        name: found["fingerprint"] for name, found in plain.manifests().items()
    }
    query = "select count(*) from decisions join artifacts using (artifact) where stage = 'exact'"
    with reading(second.root) as connection:
        assert connection.execute(query).fetchall() == [(len(first.decisions("exact")),)]


def test_an_index_of_another_machine_is_fetched(tmp_path: Path, bucket: str) -> None:
    old, new, beside = (new_place(tmp_path / name) for name in ("old", "new", "beside"))
    texts = [
        f"the {word} mill stands by the river since {year}" for word in ("old", "new") for year in range(1800, 1900)
    ]
    stage = '[[source]]\nname = "a"\npath = "a.jsonl"\n[[stage]]\nid = "d"\ndedupe = "minhash"\nthreshold = 0.9\n'
    old.jsonl("a.jsonl", [{"text": text} for text in texts])
    for place in (new, beside):
        place.jsonl(
            "a.jsonl", [{"text": f"{text} "} for text in texts[::3]] + [{"text": "nobody has said this before"}]
        )
    store = ("--set", f"run.store={bucket}/{tmp_path.name}")
    old.pipeline(f"{stage}keep_index = true\n")
    assert old.run(*store).code == 0
    new.pipeline(f'{stage}earlier = "{old.record()["run"]}/d"\n')
    beside.pipeline(f'{stage}earlier = "{old.root}"\n')
    assert (found := new.run(*store)).code == 0, found
    beside.good()
    assert new.manifests()["d"]["sources"]["a"]["merged"] == len(texts[::3])
    assert new.decisions("d") == beside.decisions("d")
