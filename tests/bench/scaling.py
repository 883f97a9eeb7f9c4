"""One pipeline on one and two workers, local and on Ray: the same bytes, the speed-up, and what Ray costs.

    python scaling.py [--shards 20] [--records 1500]

Each side runs in a process of its own and in a fresh work folder. The clock of a side starts when its cluster is up and
its workers have imported the plugins: start-up is told beside it, and so is what Ray adds to a shard, by tasks that do
nothing. Local workers are threads or processes as the plugins have it; they start within the clock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import print_machine

SIDES = (("local", 1), ("local", 2), ("ray", 1), ("ray", 2))

PIPELINE = """
name = "scaling"
[[source]]
name = "text"
path = "text/*.jsonl"
[[stage]]
filter = "scaling:Letters"
[[stage]]
filter = "repetition"
[[stage]]
filter = "gopher"
[[stage]]
dedupe = "minhash"
"""

LETTERS = '''
"""A plugin that is bound to Python, so that two of it need two processes."""

import pyarrow as pa

from finery import Batch, hookimpl, plugin


@plugin
class Letters:
    """Count letters the slow way."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        """No reason for anybody."""
        for text in batch["text"].to_pylist():
            for _ in range(30):
                sum(map(str.isalpha, text))
        return pa.nulls(len(batch), pa.string())
'''


@dataclass(frozen=True)
class Idle:
    """A task that does nothing."""

    number: int

    def run(self) -> list[dict[str, Any]]:
        """Nothing."""
        return [{}]


def write_input(folder: Path, shards: int, records: int) -> None:
    """A file a shard, of documents of some 2 kB."""
    draw = random.Random(17)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(20_000)]
    (folder / "text").mkdir()
    for number in range(shards):
        with (folder / f"text/{number:03}.jsonl").open("w") as file:
            for _ in range(records):
                file.write(json.dumps({"text": " ".join(draw.choices(words, k=350)) + "."}) + "\n")
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "scaling.py").write_text(LETTERS)


def side(folder: Path, executor: str, workers: int) -> dict[str, Any]:
    """What one side took, by parts, and a digest of what it left."""
    sys.path.insert(0, str(folder))
    from finery.config import read_pipeline
    from finery.run import run_pipeline
    from finery.stages import reading

    # A shard a file: no file is cut, and no two are taken together.
    size = max(path.stat().st_size for path in folder.glob("text/*.jsonl"))
    reading.units = lambda source, base, known=None, units=reading.units: units(source, base, known, size)
    found: dict[str, Any] = {}
    if executor == "ray":
        found |= warmed_up(folder, workers)
    settings = [f"run.executor={executor}", f"run.workers={workers}"]
    root = folder / f"{executor}-{workers}"
    started, cpu = time.perf_counter(), cpu_seconds()
    run_pipeline(read_pipeline(folder / "pipeline.toml", settings), root)
    found |= {"seconds": time.perf_counter() - started, "driver_cpu_seconds": cpu_seconds() - cpu}
    return {**found, "digest": digest(root)}


def warmed_up(folder: Path, workers: int) -> dict[str, float]:
    """Start a cluster of our own: seconds until it is up, until its workers work, and for a task that does nothing."""
    from finery.executors.cluster import Cluster
    from finery.executors.ray import RayExecutor

    started = time.perf_counter()
    executor = RayExecutor(Cluster("local", workers, folder=folder), workers)
    executor.cluster.join()
    up = time.perf_counter()
    list(executor.run([Idle(n) for n in range(4 * workers)], threads=False))
    ready = time.perf_counter()
    tasks = 200
    list(executor.run([Idle(n) for n in range(tasks)], threads=False))
    each = (time.perf_counter() - ready) / tasks
    return {"start_up_seconds": up - started, "first_tasks_seconds": ready - up, "idle_task_seconds": each}


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def digest(root: Path) -> str:
    """A digest of all Parquet of all artifacts."""
    found = hashlib.sha256()
    for path in sorted((root / "artifacts").glob("*/*.parquet")):
        found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def measured(folder: Path, executor: str, workers: int) -> dict[str, Any]:
    """One side, in a process of its own."""
    command = [sys.executable, __file__, "--side", str(folder), executor, str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """The table, and the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--records", type=int, default=1500, help="a shard")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        folder, executor, workers = given.side
        print(json.dumps(side(Path(folder), executor, int(workers))))
        return
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        write_input(Path(name), given.shards, given.records)
        measured(Path(name), "local", 1)  # compiles, and warms the disk's cache
        (Path(name) / "local-1").rename(Path(name) / "warm")
        sides = {place: measured(Path(name), *place) for place in SIDES}
    report(sides, given.shards)


def report(sides: dict[tuple[str, int], dict[str, Any]], shards: int) -> None:
    """Print what was measured."""
    print(
        f"\n{shards} shards\n\n| executor | workers | seconds | speed-up | start-up | first tasks | a task that idles |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (executor, workers), found in sides.items():
        ratio = sides[executor, 1]["seconds"] / found["seconds"]
        extra = [found.get(f"{name}_seconds") for name in ("start_up", "first_tasks", "idle_task")]
        cells = [f"{one:.1f} s" if one and one > 0.1 else f"{one * 1000:.1f} ms" if one else "" for one in extra]
        print(f"| {executor} | {workers} | {found['seconds']:.1f} | {ratio:.2f} | {' | '.join(cells)} |")
    for workers in (1, 2):
        ray, local = (sides[name, workers]["seconds"] for name in ("ray", "local"))
        print(
            f"\nRay over local, {workers} workers: {ray / local:.2f}; a shard: {(ray - local) / shards * 1000:+.0f} ms"
        )
    assert len({found["digest"] for found in sides.values()}) == 1, "the sides differ in bytes"
    print("\nAll sides left the same bytes.")


if __name__ == "__main__":
    main()
