"""What goes along with a submitted pipeline, and what is told instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from finery.config import read_pipeline
from finery.errors import UsageError
from finery.submit import shipment as shipping
from finery.submit.shipment import pack, shipment

PIPELINE = """
name = "p"
source = [{ name = "a", path = "data/*.jsonl" }, { name = "b", path = ["s3://bucket/b.jsonl", "/mnt/shared/b.jsonl"] }]
stage = [
    { filter = "blocklist", files = ["lists/words.txt"] },
    { evaluate = "perplexity", model = "models/small" },
]
"""

FILES = {
    "data/1.jsonl": '{"text": "one"}\n',
    "data/2.jsonl": '{"text": "two"}\n',
    "data/.finery/old.jsonl": "{}\n",
    "data/unnamed.txt": "not asked for",
    "lists/words.txt": "word\n",
    "models/small/config.json": "{}",
    "models/small/deep/weights": "w",
    "helper.py": "",
    "package/__init__.py": "",
    "package/data.txt": "goes with its package",
    ".finery/artifacts/x": "work",
    "notes.md": "nobody's",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline with its files."""
    for name, text in {**FILES, "pipeline.toml": PIPELINE}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def faults(folder: Path, old: str = "", new: str = "") -> list[str]:
    """What is wrong with the pipeline after a change."""
    (folder / "pipeline.toml").write_text(PIPELINE.replace(old, new))
    with pytest.raises(UsageError) as caught:
        shipment(read_pipeline(folder / "pipeline.toml"))
    return [str(fault) for fault in caught.value.faults]


def test_what_the_pipeline_names_in_its_folder_goes_along_and_nothing_else(folder: Path) -> None:
    assert sorted(shipment(read_pipeline(folder / "pipeline.toml"))) == [
        "data/1.jsonl",
        "data/2.jsonl",
        "helper.py",
        "lists/words.txt",
        "models/small/config.json",
        "models/small/deep/weights",
        "package/__init__.py",
        "package/data.txt",
        "pipeline.toml",
    ]


def test_a_lock_beside_it_goes_along(folder: Path) -> None:
    (folder / "finery.lock").write_text("")
    assert "finery.lock" in shipment(read_pipeline(folder / "pipeline.toml"))


def test_a_path_that_leads_out_of_the_folder_is_told_with_who_names_it(folder: Path) -> None:
    (told,) = faults(folder, "data/*.jsonl", "../data/*.jsonl")
    assert told.startswith("source 'a': '../data/*.jsonl' leads out of the pipeline's folder") and "s3://" in told


def test_too_much_is_told_with_the_largest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "MOST_BYTES", 1_000_000)
    (folder / "data/1.jsonl").write_text("x" * 2_000_000)
    (told,) = faults(folder)
    assert "2 MB would go along, 1 MB may (data/1.jsonl 2 MB" in told and "shared folder" in told


def test_packed_files_lie_by_their_names(folder: Path, tmp_path: Path) -> None:
    pack([shipment(read_pipeline(folder / "pipeline.toml"))], tmp_path / "job")
    assert (tmp_path / "job/models/small/deep/weights").read_text() == "w"


def test_a_file_that_would_hide_a_plugin_is_told(tmp_path: Path) -> None:
    for name in ("own", "plugin"):
        (tmp_path / name).write_text(name)
    with pytest.raises(UsageError, match=r"letters\.py: is in the pipeline's folder and in a plugin"):
        pack([{"letters.py": tmp_path / "own"}, {"letters.py": tmp_path / "plugin"}], tmp_path / "job")
