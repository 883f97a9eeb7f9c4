"""A work folder to look at, and the command line to look with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from finery.cli import main
from finery.config import read_pipeline
from finery.run import run_pipeline

PIPELINE = """
name = "small"
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
id = "short"
filter = "crafts:Short"
[[stage]]
format = "crafts:Halves"
only = ["b"]
[[stage]]
mix = "crafts:Twice"
[[stage]]
id = "toy"
train = "crafts:Toy"
[[stage]]
evaluate = "crafts:Counting"
"""
A = ['{"text": "abc"}', '{"text": "a river of words"}', "{broken", '{"text": "a river of sand"}', '{"text": "tin"}']
B = ['{"text": "blue and green"}']


@dataclass(frozen=True)
class Workshop:
    """A pipeline, its work folder and its two runs."""

    folder: Path
    first: str
    second: str

    @property
    def root(self) -> Path:
        """The work folder."""
        return self.folder / ".finery"

    def ask(self, *words: str) -> str:
        """What a verb prints. Raises what it raises."""
        done = CliRunner().invoke(
            main.finery,
            list(words),
            env={"FINERY_HOME": str(self.root), "COLUMNS": "200"},
            catch_exceptions=False,
            standalone_mode=False,
        )
        if done.exception is not None:
            raise done.exception
        return done.stdout

    def json(self, *words: str) -> Any:
        """What a verb prints with `--json`."""
        return json.loads(self.ask(*words, "--json"))

    def lines(self, *words: str) -> list[str]:
        """What a verb prints, line by line, blanks taken together."""
        return [" ".join(line.split()) for line in self.ask(*words).splitlines()]


def new_workshop(folder: Path) -> Workshop:
    """Run the pipeline twice."""
    file = folder / "pipeline.toml"
    file.write_text(PIPELINE)
    for name, lines in (("a", A), ("b", B)):
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    runs = [run_pipeline(read_pipeline(file, said), folder / ".finery") for said in ((), ("short.least=16",))]
    return Workshop(folder, *runs)
