"""How a whole run of Finery grows: with workers, and with its input. Called by `curation.py --scale`.

Two workers are measured against one on a job of about a minute's CPU, by the clock, since that is what they are for:
the other cores of the machine have to be idle. One worker is measured twice: on one core, and with all cores at hand,
where DuckDB puts candidates together on all of them whatever the workers. Memory is the most that a process held, on
the documents and on ten times as many. More documents are the same ones again, each copy with a line of its own before
it.
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
    cores = sorted(os.sched_getaffinity(0))
    run(some, cache, rules, 1, cores)  # compiles what no run before it has
    runs = {}
    for name, path, workers, bound in (
        ("one", some, 1, cores),
        ("ten", many, 1, cores),
        ("core", job, 1, cores[-1:]),
        ("job", job, 1, cores),
        ("workers", job, 2, cores),
    ):
        runs[name] = run(path, cache, rules, workers, bound)
        yield row(runs[name], workers, len(bound))
    core, free, two = (runs[name]["passed"] for name in ("core", "job", "workers"))
    yield f"\nTwo workers are {core / two:.2f} times as fast at the job as one on one core, {free / two:.2f} times as"
    yield f"fast as one with {len(cores)} cores at hand; load {os.getloadavg()[0]:.1f} at the end."
    yield f"Ten times the input takes {runs['ten']['peak'] / runs['one']['peak']:.2f} times the memory."


def run(documents: Path, cache: Path, rules: Sequence[str], workers: int, cores: Sequence[int]) -> dict[str, Any]:
    """A run of the whole in a process of its own, bound to some cores."""
    command = [sys.executable, HERE / "curation_finery.py", f"all:{workers}", documents, cache / "work", *rules]
    command = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{command} failed:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return answer


def row(answer: dict[str, Any], workers: int, cores: int) -> str:
    """A line of the table."""
    told = f"{answer['documents']:,} | {answer['passed']:.1f} | {answer['seconds']:.1f} | {answer['peak'] / 1e6:,.0f}"
    return f"| {workers} worker{'s' * (workers > 1)}, {cores} core{'s' * (cores > 1)} | {told} |"


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
