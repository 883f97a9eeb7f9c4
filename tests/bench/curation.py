"""Finery against datatrove and data-juicer on the same real documents and one core: each rule alone, then the whole.

    python tests/bench/curation.py [--documents 20000] [--input FILE.jsonl] [--cache FOLDER] [--rounds 1]
                                   [--only RULE ...] [--scale]

Each tool gets an environment of its own under the cache folder, made once. Each measurement is a process of its own,
the tools in turn, bound to one core. A rule is measured alone on all documents as they lie in memory, after ten
documents to warm up. The whole starts from JSON Lines and writes whatever a tool writes on the way: language,
repetition, quality, C4, FineWeb, MinHash in this order, as in datatrove's example for FineWeb, with models and compiled
code loaded within it. What is counted is CPU time in user and system mode; the time to import a tool is left out.
The rules are those of `preset = "datatrove"`, and a column says how often both decide alike; the language models
differ. data-juicer has no such rule sets: it runs the nearest recipe of its operators, without C4 and FineWeb, and is
asked to do less. The limit is what no tool can be faster than: the same documents read from Parquet, hashed once, and
written. `--scale` measures Finery alone instead: two workers against one, and the memory that ten times the input
takes (`curation_scale.py`). Without a file, the documents are the docstrings, descriptions and licences of what is
installed, which `examples/first-run/corpus.py` collects.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import curation_scale
from curation_finery import RULES, present
from curation_sides import (
    ROOT,
    Figure,
    Figures,
    Side,
    header,
    in_turn,
    less,
    line,
    once,
    row,
    sides,
    together,
    versions,
)
from figures import print_machine

CORPUS = ROOT / "examples" / "first-run" / "corpus.py"

MEGABYTES_PER_THOUSAND = 2.5
"""Of documentation, to have a thousand documents and some to spare."""

FEW = 500
"""Documents that a run is all start with."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries ask for how many threads they may start."""


def main() -> None:
    """Measure in turn and print a table."""
    told = arguments()
    told.cache.mkdir(parents=True, exist_ok=True)
    documents = prepared(told.input, told.documents, told.cache)
    if told.scale:
        print_machine()
        for text in curation_scale.table(documents, told.cache, [rule for rule in RULES if present(rule)]):
            print(text, flush=True)
        return
    bind_to_one_core()
    tools = sides(told.cache, [*RULES, "all"])
    print_machine()
    for tool in tools[1:]:
        print(f"{tool.name}: {versions(tool)}")
    size = documents.stat().st_size / 1e6
    print(f"{told.documents:,} documents at most, {size:.1f} MB, {told.rounds} round(s), one core")
    for text in table(documents, tools, told):
        print(text, flush=True)


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


def table(documents: Path, tools: Sequence[Side], told: argparse.Namespace) -> Iterator[str]:
    """Lines of a Markdown table, a rule each, the whole, and the limit."""
    names = [tool.name for tool in tools]
    tasks = [task for task in (*RULES, "all") if (not told.only or task in told.only)]
    yield from header(names)
    alone = {}
    for task in (task for task in tasks if task != "all" and present(task)):
        alone[task] = measured(tools, task, documents, told)
        yield row(task, alone[task], names)
    for other in names[1:] if alone else ():
        yield row(f"all rules that {other} has", every(alone, names[0], other), names)
    limit = measured(tools, "limit", documents, told)["Finery"]
    if "all" in tasks:
        whole, start = (measured(tools, "all", path, told) for path in (documents, started(documents, tools, told)))
        yield row("end to end", whole, names)
        yield row("end to end but for the start", {name: less(whole[name], start[name]) for name in whole}, names)
    yield line(["limit: read, hashed once, written", f"{limit.rate:,.0f}", *[""] * (4 * len(names) - 3)])
    if "all" in tasks:
        yield f"\nEnd to end Finery takes {whole['Finery'].seconds / limit.seconds:.0f} times the limit."
        yield f"A run of {FEW} documents takes {starts(start)}."
    left_out = [task for task in tasks if task != "all" and not present(task)]
    if left_out:
        yield f"Left out, since Finery lacks them: {', '.join(left_out)}; end to end the others do without them too."


def measured(tools: Sequence[Side], task: str, documents: Path, told: argparse.Namespace) -> dict[str, Figure]:
    """The figures of a task, by the tool's name."""
    rules = [rule for rule in RULES if present(rule)]
    return in_turn(tools, task, told.rounds, lambda tool: once(tool, task, documents, told.cache / "work", rules))


def every(alone: Mapping[str, Figures], ours: str, other: str) -> dict[str, Figure]:
    """Both tools' figures for all rules that the other has."""
    both = [figures for figures in alone.values() if other in figures]
    return {name: together([figures[name] for figures in both]) for name in (ours, other)}


def started(documents: Path, tools: Sequence[Side], told: argparse.Namespace) -> Path:
    """Few documents from all over the file, in a folder of their own: a run on them is all start. One has been carried
    out. From one place they can all be of one package, and none be left by the rules, which is an error to Finery.
    """
    path = documents.parents[1] / "few" / documents.name
    path.parent.mkdir(exist_ok=True)
    lines = documents.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:: max(1, len(lines) // FEW)]))
    measured(tools, "all", path, told)
    return path


def starts(start: Figures) -> str:
    """The seconds of each tool."""
    return ", ".join(f"{name} {figure.seconds:.1f} CPU-seconds" for name, figure in start.items())


if __name__ == "__main__":
    main()
