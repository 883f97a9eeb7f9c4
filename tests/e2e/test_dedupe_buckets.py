"""Candidates are verified in buckets: how many there are, and how often they are written, changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from places import Place, copied, digests

from finery.stages import verify

PIPELINE = """
[[source]]
name = "a"
path = "a.jsonl"
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
dedupe = "minhash"
threshold = 0.5
"""


@pytest.fixture
def plain(place: Place) -> Place:
    """A run over two sources whose columns differ, with chains of near-duplicates, in one bucket."""
    draw = random.Random(2)
    words = [f"w{draw.randrange(500)}" for _ in range(50)]
    for source in "ab":
        rows = []
        for n in range(300):
            words[draw.randrange(50)] = f"new{n}"
            rows.append({"text": " ".join(words), **({"more": n} if source == "b" else {})})
            if n % 10 == 9:
                words = [f"w{draw.randrange(500)}" for _ in range(50)]
        place.jsonl(f"{source}.jsonl", rows)
    place.pipeline(PIPELINE)
    assert sum(counts["merged"] for counts in place.good()["minhash"]["sources"].values()) > 400
    return place


@pytest.mark.parametrize("size", [5, 100])
def test_the_size_of_a_bucket_changes_no_byte(
    plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(verify, "BUCKET", size)
    other = copied(plain, tmp_path / "q")
    other.good()
    assert digests(other.root) == digests(plain.root)


def test_records_written_early_for_want_of_memory_change_no_byte(
    plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(verify.Buckets):
        def __init__(self, folder: Path, _: int) -> None:
            super().__init__(folder, 2000)

    monkeypatch.setattr(verify, "Buckets", Small)
    monkeypatch.setattr(verify, "BUCKET", 50)
    other = copied(plain, tmp_path / "q")
    other.good()
    assert digests(other.root) == digests(plain.root)
