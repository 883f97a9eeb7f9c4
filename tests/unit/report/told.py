"""A work folder with two runs, the second with another threshold and another loss, and the command to look with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from trades import HOSTILE

from finery.cli import main
from finery.config import read_pipeline
from finery.run import run_pipeline

PIPELINE = """
name = "<i>told</i>"
seed = 3
[run]
workers = 1
[[source]]
name = "a"
path = "a.jsonl"
max_bad = 0.5
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
score = "trades:Worth"
[[stage]]
id = "least"
filter = "trades:Least"
[[stage]]
dedupe = "exact"
[[stage]]
id = "drawn"
mix = "trades:Twice"
[[stage]]
id = "toy"
train = "trades:Toy"
[[stage]]
id = "first"
evaluate = "trades:Compared"
[[stage]]
id = "second"
evaluate = "trades:Compared"
[[stage]]
id = "reasons"
evaluate = "trades:Explained"
"""


@dataclass(frozen=True)
class Told:
    """A work folder with two runs."""

    root: Path
    first: str
    second: str

    def ask(self, *words: str) -> str:
        """What the command prints. Raises what it raises."""
        said = {"env": {"FINERY_HOME": str(self.root)}, "catch_exceptions": False, "standalone_mode": False}
        done = CliRunner().invoke(main.finery, list(words), **said)  # type: ignore[arg-type]
        return done.stdout

    def page(self, *words: str) -> Path:
        """The file of a report."""
        place = self.root / f"report{len(words)}.html"
        self.ask("report", *words, "--to", str(place))
        return place


def new_told(folder: Path) -> Told:
    """Run the pipeline twice."""
    file = folder / "pipeline.toml"
    file.write_text(PIPELINE)
    texts = [HOSTILE, "a lamb", "a lamb", *(f"{'word ' * n}number {n}" for n in range(1, 30))]
    lines = [json.dumps({"text": text}) for text in texts]
    (folder / "a.jsonl").write_text("\n".join(["{broken", *lines]) + "\n")
    (folder / "b.jsonl").write_text("\n".join(lines[5:]) + "\n")
    root = folder / ".finery"
    more: tuple[Any, ...] = ((), ("least.min_worth=60", "toy.start=4.0"))
    return Told(root, *(run_pipeline(read_pipeline(file, said), root) for said in more))
