"""How a whole run of Finery grows: with workers, and with its input. Called by `curation.py --scale`.

Two workers are measured against one on a job of about a minute's CPU, by the clock, since that is what they are for:
the other cores of the machine have to be idle. Memory is the most that a process held, on the documents and on ten
times as many. More documents are the same ones again, each copy with a line of its own before it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

JOB_BYTES = 800_000_000
"""A minute's CPU on the machine this was written on."""


def table(documents: Path, cache: Path, rules: Sequence[str]) -> Iterator[str]:
    """Lines of Markdown: a table of the runs, and the two ratios."""
    copies = max(JOB_BYTES // documents.stat().st_size, 10)
    some, many, job = documents, copied(documents, 10), copied(documents, copies)
    yield "| run | documents | seconds | CPU-seconds | peak MB |"
    yield "| --- | --- | --- | --- | --- |"
    run(some, cache, rules, 1)  # compiles what no run before it has
    runs = {}
    for name, path, workers in (("one", some, 1), ("ten", many, 1), ("job", job, 1), ("workers", job, 2)):
        runs[name] = run(path, cache, rules, workers)
        yield row(runs[name], workers)
    faster = runs["job"]["passed"] / runs["workers"]["passed"]
    larger = runs["ten"]["peak"] / runs["one"]["peak"]
    yield f"\nTwo workers take the job {faster:.2f} times as fast as one; load {os.getloadavg()[0]:.1f} at the end."
    yield f"Ten times the input takes {larger:.2f} times the memory."


def run(documents: Path, cache: Path, rules: Sequence[str], workers: int) -> dict[str, Any]:
    """A run of the whole in a process of its own."""
    command = [sys.executable, HERE / "curation_finery.py", f"all:{workers}", documents, cache / "work", *rules]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{command} failed:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return answer


def row(answer: dict[str, Any], workers: int) -> str:
    """A line of the table."""
    told = f"{answer['documents']:,} | {answer['passed']:.1f} | {answer['seconds']:.1f} | {answer['peak'] / 1e6:,.0f}"
    return f"| {workers} worker{'s' * (workers > 1)} | {told} |"


def copied(documents: Path, times: int) -> Path:
    """A file of the documents that many times, in a folder of its own."""
    path = documents.parents[1] / f"times-{times}" / documents.name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for number in range(times):
            with documents.open(encoding="utf-8") as file:
                for record in map(json.loads, file):
                    told = {"id": f"{number}-{record['id']}", "text": f"Copy {number}.\n{record['text']}"}
                    out.write(json.dumps(told, ensure_ascii=False) + "\n")
    return path
