"""What the examples of the author's guide are held to; runs in a folder that holds them: see test_readmes.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from bell import Bell
from even import Even
from finite import Finite
from known import Known
from longest import Longest
from repeats import Sentences
from safetensors.numpy import load_file, save_file
from soup import Soup
from threads import Threads

from finery import Model, Source, Stage
from finery.config import read_pipeline
from finery.run import run_pipeline
from finery.testing import MemoryJournal, conformance, sample

WORDS = Path(__file__).with_name("words.txt")
WORDS.write_text("sea\nship\n")
THREADS = pa.table(
    {"text": ["a", "b", "c", "d"] * 10, "thread": [None if row % 7 == 0 else f"t{row % 4}" for row in range(40)]}
)

test_longest = conformance(Longest())
test_known = conformance(Known(words=str(WORDS)))
test_sentences = conformance(Sentences())
test_even = conformance(Even())
test_threads = conformance(Threads(), samples=THREADS)
test_soup = conformance(Soup(other="x"))
test_finite = conformance(Finite())
test_bell = conformance(Bell(path="x"))

NOTES = [
    {"text": "A ship at sea. All rights reserved", "thread": "one"},
    {"text": "An island. All rights reserved", "thread": "two"},
    {"text": "Sea and sand lie there for all to see", "thread": "one"},
    {"text": "no", "thread": None},
]


def left(folder: Path, stage: str) -> list[str]:
    """The texts after a run of one stage over the notes, in order."""
    (folder / "notes.jsonl").write_text("".join(json.dumps(note) + "\n" for note in NOTES))
    source = 'source = [{ name = "notes", path = "notes.jsonl", columns = { thread = "thread" } }]'
    (folder / "pipeline.toml").write_text(f"run = {{ workers = 1 }}\n{source}\nstage = [{{ {stage} }}]\n")
    pipeline = read_pipeline(folder / "pipeline.toml")
    run_pipeline(pipeline, folder / ".finery")
    return texts(folder)


def texts(folder: Path) -> list[str]:
    """What `finery export` gives of the last run."""
    from click.testing import CliRunner

    from finery.cli.main import finery

    words = ["export", "--to", str(folder / "out"), "--format", "jsonl"]
    asked = CliRunner().invoke(finery, words, env={"FINERY_HOME": str(folder / ".finery")})
    assert asked.exit_code == 0, asked.output
    lines = [line for file in (folder / "out").rglob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(json.loads(line)["text"] for line in lines)


def test_the_longer_half_is_kept(tmp_path: Path) -> None:
    assert left(tmp_path, 'filter = "longest:Longest"') == sorted(NOTES[row]["text"] for row in (0, 2))


def test_a_repeated_sentence_is_cut_once(tmp_path: Path) -> None:
    found = left(tmp_path, 'dedupe = "repeats:Sentences"')
    assert sum("All rights reserved" in text for text in found) == 1
    assert len(found) == 4


def test_the_posts_of_a_thread_are_joined(tmp_path: Path) -> None:
    found = left(tmp_path, 'format = "threads:Threads"')
    assert len(found) == 3
    (joined,) = [text for text in found if "\n\n" in text]
    assert sorted(joined.split("\n\n")) == sorted(NOTES[row]["text"] for row in (0, 2))


def test_an_answer_is_kept_and_taken_again(tmp_path: Path) -> None:
    batch = sample("text")
    first = Known(words=str(WORDS)).score(batch, tmp_path)["known"]
    for kept in tmp_path.iterdir():
        kept.write_text("0.25")
    assert set(Known(words=str(WORDS)).score(batch, tmp_path)["known"].to_pylist()) == {0.25}
    assert len(first) == len(batch)


def test_as_many_characters_are_read_of_each() -> None:
    draw = Even().mix([Source("a", 10, {"characters": 400.0}), Source("b", 2, {"characters": 100.0})])
    assert draw.epochs == {"a": 0.25, "b": 1.0}


def test_a_soup_is_the_average_and_a_broken_weight_is_found(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("own", "other", "out")]
    for folder, value in zip(folders, (1.0, 3.0), strict=False):
        folder.mkdir()
        save_file({"w": np.full(4, value, np.float32)}, folder / "model.safetensors")
    stage, journal = Stage("soup", "train", "soup", 0), MemoryJournal()
    made = Soup(other=str(folders[1])).train(Model(folders[0], "own", "f"), folders[2], stage, journal)
    assert load_file(made.path / "model.safetensors")["w"].tolist() == [2.0] * 4
    assert Finite().evaluate(made, stage).failures == []
    save_file({"w": np.array([1, np.nan, np.inf], np.float32)}, made.path / "model.safetensors")
    found = Finite().evaluate(made, stage)
    assert (found.metrics, len(found.failures)) == ({"not_finite": 2.0}, 1)


def test_the_bell_rings(tmp_path: Path) -> None:
    Bell(path=str(tmp_path / "bell")).run_finished("r1", "done", 2.4)
    assert (tmp_path / "bell").read_text() == "r1 done after 2 s\n"
