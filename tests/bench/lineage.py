"""What keeping every record's fate costs, and how quickly it is asked for.

First a pipeline of real rules over documents of about 2 kB: the seconds spent on origins, decisions and the database,
against all seconds of the data stages. Then `finery why` as a user calls it, on a lineage of 10 M decisions.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import print_machine

from finery.config import read_pipeline
from finery.lineage.recorder import Recorder
from finery.lineage.store import writing
from finery.run import run_pipeline
from finery.stages.layers import ParquetFile

PIPELINE = """
name = "lineage"
[run]
workers = 1
[[source]]
name = "documents"
path = "documents.jsonl"
[[stage]]
filter = "length"
min_words = 100
[[stage]]
score = "statistics"
[[stage]]
dedupe = "minhash"
"""

# Ten stages of a million drops each, as an index: each stage's rows are sorted by record, as the recorder leaves them.
DECISIONS = """
insert into decisions
select 'artifact-' || ?, uuid_record, 'few-words', 3.0, 5.0, null, null
from (select md5((i * 10 + ?)::varchar)::uuid as uuid_record from range(?) t(i)) order by uuid_record
"""


def write_documents(folder: Path, documents: int) -> None:
    """Documents of 20 to 600 words from a vocabulary of 20,000."""
    draw = random.Random(17)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(20_000)]
    with (folder / "documents.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(documents):
            file.write(json.dumps({"text": " ".join(draw.choices(words, k=draw.randint(20, 600)))}) + "\n")
    (folder / "pipeline.toml").write_text(PIPELINE)


def timed(function: Callable[..., Any], spent: list[float], wanted: Callable[..., bool]) -> Callable[..., Any]:
    """The function, its seconds added to `spent` where they are wanted."""

    def call(*told: Any) -> Any:
        started = time.perf_counter()
        answer = function(*told)
        if wanted(*told):
            spent.append(time.perf_counter() - started)
        return answer

    return call


def share(documents: int) -> tuple[float, float]:
    """Seconds of the whole run, and of its lineage."""
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, documents)
        pipeline = read_pipeline(folder / "pipeline.toml")
        Recorder.enter = timed(Recorder.enter, spent, lambda *_: True)  # type: ignore[method-assign]
        kept = lambda file, *_: file.path.name.startswith(("origins", "decisions"))  # noqa: E731
        ParquetFile.write = timed(ParquetFile.write, spent, kept)  # type: ignore[method-assign]
        started = time.perf_counter()
        run_pipeline(pipeline, folder / ".finery")
        return time.perf_counter() - started, sum(spent)


def asked(decisions: int, rounds: int) -> float:
    """Median seconds of `finery why ID` on a lineage with so many decisions in ten stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, 2000)
        run_pipeline(read_pipeline(folder / "pipeline.toml"), folder / ".finery")
        fill(folder / ".finery", decisions)
        with writing(folder / ".finery") as connection:
            found = connection.execute(
                "select record from decisions where artifact like 'artifact-%' limit 1"
            ).fetchone()
        record = str(found[0]) if found else ""
        command = [str(Path(sys.executable).parent / "finery"), "why", record]
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            subprocess.run(command, check=True, cwd=folder, capture_output=True, env=dict(os.environ))
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)


def fill(root: Path, decisions: int) -> None:
    """Ten stages more in the last run, each with a tenth of the decisions."""
    with writing(root) as connection:
        (run,) = connection.execute("select max(run) from runs").fetchone() or ("",)
        for number in range(10):
            connection.execute(DECISIONS, [number, number, decisions // 10])
            stage = [run, 100 + number, f"stage-{number}", "filter", "length", "finery", f"artifact-{number}"]
            connection.execute("insert into stages values (?, ?, ?, ?, ?, ?, ?, true, '', true)", stage)
            known = [f"artifact-{number}", f"stage-{number}", "filter", "length", "finery"]
            connection.execute("insert into artifacts values (?, ?, ?, ?, ?, '{}', 0, '{}')", known)
            connection.execute("insert into inputs values (?, 'documents', '', null)", [f"artifact-{number}"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--decisions", type=int, default=10_000_000)
    told = parser.parse_args()
    print_machine()
    whole, lineage = share(told.documents)
    print(f"{told.documents:,} documents: {whole:.2f} s, lineage {lineage:.2f} s, share {lineage / whole:.1%}")
    if told.decisions:
        print(f"finery why with {told.decisions:,} decisions: median {asked(told.decisions, 9) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
