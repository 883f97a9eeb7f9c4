"""Scores that are learnt from a pipeline's own sources, and what keeps and draws by them, end to end."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SUBJECTS = ("The mill", "A keeper", "My neighbour", "The old bridge", "Her letter", "This method", "The second part")
VERBS = ("explains why", "shows how", "tells us that", "makes it plain that", "was built so that", "proves that")
OBJECTS = (
    "bread rises in a warm room",
    "the water comes back",
    "the tide follows the moon",
    "copper melts",
    "ice floats",
)
TERMS = ("voltage", "current", "a resistor", "the diode", "a coil", "capacity", "the circuit", "ground", "a fuse")
JUNK = (
    "click here",
    "buy now",
    "free shipping",
    "log in",
    "subscribe",
    "cookies",
    "menu",
    "sale",
    "share",
    "next page",
)

PIPELINE = """
name = "learnt"
seed = 17
[[source]]
name = "web"
path = "web.jsonl"
[[source]]
name = "handbook"
path = "handbook.jsonl"
[[source]]
name = "chats"
path = "chats.jsonl"
shape = "alpaca"
[[stage]]
id = "quality"
score = "finery_plugins.score.quality:Quality"
good = ["handbook"]
bad_files = ["junk.txt"]
buckets = 65536
only = ["web", "handbook"]
[[stage]]
id = "surprise"
score = "finery_plugins.score.perplexity:Perplexity"
reference = ["handbook"]
unit = "bytes"
order = 4
only = ["web", "handbook"]
[[stage]]
id = "good"
filter = "keep"
where = "quality > 0.5"
only = ["web"]
[[stage]]
id = "plain"
filter = "keep"
best = 0.9
by = "quality"
only = ["web"]
[[stage]]
id = "towards"
score = "finery_plugins.score.importance:Importance"
target_files = ["target.txt"]
only = ["web", "handbook"]
[[stage]]
id = "drawn"
mix = "finery_plugins.mix.importance:Importance"
share = 0.4
only = ["web"]
[[stage]]
id = "told"
format = "finery_plugins.format.transcript:Transcript"
[[stage]]
id = "folded"
mix = "finery_plugins.mix.instruct:Instruct"
instructions = ["chats"]
share = 0.2
"""

PRETRAINING = """
[[stage]]
id = "base"
train = "pretrain"
layers = 1
width = 16
heads = 2
vocabulary = 300
context = 32
batch = 2
steps = 3
"""


def prose(generator: random.Random) -> str:
    parts = [f"{generator.choice(SUBJECTS)} {generator.choice(VERBS)} {generator.choice(OBJECTS)}." for _ in "123"]
    return " ".join(parts)


def technical(generator: random.Random) -> str:
    terms = [generator.choice(TERMS) for _ in range(6)]
    pairs = zip(terms[::2], terms[1::2], strict=True)
    return " ".join(f"The manual {generator.choice(VERBS)} {one} meets {other}." for one, other in pairs)


def junk(generator: random.Random) -> str:
    return " | ".join(generator.choice(JUNK) for _ in range(12))


def written(folder: Path, pipeline: str) -> Path:
    """A folder with sources, files and a pipeline."""
    generator = random.Random(17)

    def lines(name: str, rows: Sequence[dict[str, Any]]) -> None:
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    web = [(make.__name__, make(generator)) for make in (prose, technical, junk) for _ in range(100)]
    generator.shuffle(web)
    lines("web.jsonl", [{"text": text, "kind": kind} for kind, text in web])
    lines("handbook.jsonl", [{"text": (prose if n % 2 else technical)(generator)} for n in range(100)])
    lines("chats.jsonl", [{"instruction": "Why?", "input": "", "output": prose(generator)} for _ in range(60)])
    (folder / "junk.txt").write_text("\n".join(junk(generator) for _ in range(100)))
    (folder / "target.txt").write_text("\n".join(technical(generator) for _ in range(100)))
    (folder / "pipeline.toml").write_text(pipeline)
    return folder


def ran(folder: Path, workers: int) -> Path:
    """The folder after a run."""
    command = [Path(sys.executable).with_name("finery"), "run", "pipeline.toml", "--quiet", "--workers", str(workers)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(written(tmp_path_factory.mktemp("one"), PIPELINE), 1)


def manifest(folder: Path, stage: str) -> dict[str, Any]:
    """What a stage's manifest says."""
    found = [json.loads(path.read_bytes()) for path in (folder / ".finery/artifacts").glob("*/manifest.json")]
    (one,) = [said for said in found if said["stage"]["id"] == stage]
    return one


def decided(folder: Path, stage: str) -> pa.Table:
    """Who left at a stage, with the kind of text that it was."""
    folders = folder / ".finery/artifacts"
    tables = [pq.read_table(path) for path in (folders / manifest(folder, stage)["fingerprint"]).glob("decisions*")]
    read = [pq.read_table(path) for path in (folders / manifest(folder, "read-web")["fingerprint"]).glob("data*")]
    kinds = {str(row["id"]): row["kind"] for row in pa.concat_tables(read).to_pylist()}
    rows = [{**row, "kind": kinds[str(row["record"])]} for table in tables for row in table.to_pylist()]
    return pa.Table.from_pylist([{name: row[name] for name in ("reason", "value", "bound", "kind")} for row in rows])


def test_keep_reads_what_quality_wrote(folder: Path) -> None:
    rows = decided(folder, "good").to_pylist()
    assert Counter(row["kind"] for row in rows) == {"junk": 100}
    assert all(row["reason"] == "where" and row["value"] <= 0.5 == row["bound"] for row in rows)


def test_keep_takes_the_best_share(folder: Path) -> None:
    counts = manifest(folder, "plain")["sources"]["web"]
    assert counts["in"] == 200
    assert 180 <= counts["kept"] < 200


def test_records_like_the_target_are_drawn(folder: Path) -> None:
    said = manifest(folder, "drawn")
    counts = said["sources"]["web"]
    assert abs(counts["kept"] - 0.4 * counts["in"]) <= 0.5
    assert said["draw"]["epochs"] == {"web": pytest.approx(0.4)}
    gone = Counter(row["kind"] for stage in ("good", "plain", "drawn") for row in decided(folder, stage).to_pylist())
    drawn = Counter({"prose": 100, "technical": 100, "junk": 100}) - gone
    assert drawn.total() == counts["kept"]
    assert drawn["technical"] > 5 * drawn["prose"]


def test_instructions_make_their_share_of_the_mix(folder: Path) -> None:
    said = manifest(folder, "folded")["draw"]
    sizes = {name: said["epochs"][name] * said["amounts"][name] for name in said["amounts"]}
    assert sizes["chats"] / sum(sizes.values()) == pytest.approx(0.2)


def digests(folder: Path) -> dict[str, str]:
    """Digests of all Parquet files."""
    files = sorted((folder / ".finery/artifacts").rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_two_workers_leave_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    other = ran(written(tmp_path, PIPELINE), 2)
    assert digests(other) == digests(folder)
    assert len(digests(folder)) > 10


def test_documents_and_instructions_are_pre_trained_on_together(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    stages = PIPELINE[: PIPELINE.index("[[stage]]")] + PIPELINE[PIPELINE.index('[[stage]]\nid = "told"') :]
    place = ran(written(tmp_path, stages + PRETRAINING), 1)
    assert manifest(place, "base")["stage"]["hook"] == "train"
    assert manifest(place, "folded")["sources"]["chats"]["kept"] > 0
