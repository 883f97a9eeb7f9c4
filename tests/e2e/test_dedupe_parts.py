"""Keys that are shuffled into parts, each grouped by itself, leave the bytes that one grouping leaves."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from places import Place, conserve, copied, digests, new_place

from finery.executors.local import LocalExecutor

PIPELINE = """
[[source]]
name = "a"
path = "a/*.jsonl"
[[source]]
name = "b"
path = "b/*.jsonl"
[[stage]]
score = "tiny:Words"
[[stage]]
dedupe = "exact"
prefer = "words"
[[stage]]
dedupe = "minhash"
threshold = 0.5
prefer = "-at"
[[stage]]
id = "close"
dedupe = "tiny:CloseKeys"
[[stage]]
dedupe = "lines"
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run over two sources in which every stage finds something, in one grouping."""
    place = new_place(tmp_path_factory.mktemp("parts") / "one")
    draw = random.Random(4)
    for source in "ab":
        rows = []
        words = [f"w{draw.randrange(900)}" for _ in range(40)]
        for number in range(200):
            words[draw.randrange(40)] = f"new{source}{number}"
            if number % 4 == 3:
                words = [f"w{draw.randrange(900)}" for _ in range(40)]
            rows.append({"text": f"{' '.join(words)}\n{'a line of every document ' * 3}", "at": draw.randrange(90)})
        place.jsonl(f"{source}/all.jsonl", [*rows, *rows[::9]])
    place.pipeline(PIPELINE)
    made = place.good()
    conserve(place)
    merged = {name: sum(c["merged"] for c in m["sources"].values()) for name, m in made.items()}
    assert all(merged[name] for name in ("exact", "close", "minhash")) and made["lines"]["cut"], merged
    return place


@pytest.mark.parametrize("parts", [2, 7])
def test_parts_do_not_show_in_the_bytes(
    plain: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    monkeypatch.setattr(LocalExecutor, "parts", lambda self: parts)
    other = copied(plain, tmp_path / "p")
    other.good()
    assert digests(other.root) == digests(plain.root)
    left = [path.name for path in (other.root / "artifacts").rglob("*") if path.name.startswith(("scattered", "edges"))]
    assert left == []
