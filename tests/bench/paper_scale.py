"""What 100,000 shards cost the driver: a run whose shards are tiny, with the real plan, scheduler, sums and lineage.

The work inside a shard is what a cluster is for, and is left out: a task writes the files and gives the answer that a
shard of eight records would. All that the driver does is real: tasks made and handed out, answers gathered, repeated
records told apart, counts added up and held against the law of conservation, manifests written, the lineage filled,
and the next plan made over it. Half the shards are done too, to see whether a shard costs the same.

    python tests/bench/paper_scale.py                             # 50,000 and 100,000 shards, tasks done by the driver
    python tests/bench/paper_scale.py --shards 10000 --executor ray   # a cluster of this machine, each task a Ray task
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from figures import print_machine

from finery.data.shards import Shard
from finery.executors.local import LocalExecutor
from finery.stages.layers import DECISIONS

RECORDS = 8
"""Records of a shard: two of them leave at the filter, and one of every tenth shard stands elsewhere too."""

PIPELINE = """
name = "scale"
[run]
executor = "{executor}"
[[source]]
name = "pages"
path = "pages.jsonl"
[[stage]]
score = "statistics"
[[stage]]
filter = "length"
min_words = {words}
"""

PHASES = {
    "tasks and answers": "finery.stages.passing.run_pass",
    "reading's tasks": "finery.run.read_source",
    "repeated records told apart": "finery.stages.reading.told_apart",
    "sums": "finery.stages.passing.added_up",
    "schemas made alike": "finery.stages.passing.alike",
    "manifests": "finery.context.Context.commit",
    "lineage": "finery.lineage.recorder.Recorder.enter",
}
"""What is timed, by where it lies; a phase holds those that it calls."""


@dataclass(frozen=True)
class Tiny:
    """A task that leaves what the task in it would of a shard of eight records."""

    task: Any

    def run(self) -> list[dict[str, Any]]:
        """The entries, their files and their JSON."""
        return read_entry(self.task) if hasattr(self.task, "unit") else pass_entries(self.task)


@dataclass
class TinyExecutor:
    """Hands tiny tasks in place of the real ones to a real executor."""

    inner: Any

    def run(self, tasks: Sequence[Any], threads: bool) -> Iterator[tuple[int, Any]]:
        """Each task's number and answer."""
        return self.inner.run([Tiny(task) for task in tasks], threads)

    def close(self) -> None:
        """End the inner one."""
        self.inner.close()


def read_entry(task: Any) -> list[dict[str, Any]]:
    """A base shard of records with ids of their own, and their origins."""
    number, folder = task.unit.number, task.artifacts.partial(task.fingerprint)
    draw = np.random.default_rng(number)
    raw = draw.bytes(16 * RECORDS) if number % 10 else draw.bytes(16 * (RECORDS - 1)) + bytes(16)
    ids = pa.ExtensionArray.from_storage(
        pa.uuid(), pa.Array.from_buffers(pa.binary(16), RECORDS, [None, pa.py_buffer(raw)])
    )
    base = f"{task.fingerprint}/data-{number:05}.parquet"
    texts = pa.array(["a few words"] * RECORDS, pa.large_string())
    pq.write_table(pa.table({"id": ids, "text": texts}), folder / Path(base).name)
    rows = pa.array(range(RECORDS), pa.int64())
    origins = {"row": rows, "record": ids, "file": pa.array(["pages.jsonl"] * RECORDS), "line": rows}
    pq.write_table(pa.table(origins), folder / f"origins-{number:05}.parquet")
    shard = Shard("pages", base, RECORDS, RECORDS, {"text": ((base, None),)})
    return [entry(folder, number, shard, {"text": "large_string"}, {})]


def pass_entries(task: Any) -> list[dict[str, Any]]:
    """A column over the shard, then two records that leave it."""
    score, leave = task.links
    names = ("columns", "decisions")
    for link, kind in zip(task.links, names, strict=True):
        place = task.artifacts.partial(link.fingerprint) / f"{kind}-{link.number:05}.parquet"
        # No links: a file has 65,000 of them at most.
        shutil.copyfile(task.artifacts.root / f"{kind}.parquet", place)
    column = ((f"{score.fingerprint}/columns-{score.number:05}.parquet", None),)
    scored = replace(task.shard, columns={**task.shard.columns, "words": column})
    left = replace(scored, records=RECORDS - 2, drops=(f"{leave.fingerprint}/decisions-{leave.number:05}.parquet",))
    folders = [task.artifacts.partial(link.fingerprint) for link in task.links]
    return [
        entry(folders[0], score.number, scored, {"words": "int64"}, {}),
        entry(folders[1], leave.number, left, {}, {"few-words": 2}),
    ]


def entry(folder: Path, number: int, shard: Shard, types: dict[str, str], reasons: dict[str, int]) -> dict[str, Any]:
    """A shard's entry, and its file."""
    dropped = sum(reasons.values())
    counts = {"in": RECORDS, "kept": RECORDS - dropped, "dropped": dropped, "merged": 0, "failed": 0, "born": 0}
    made = {"number": number, "shard": shard.as_json(), "types": types, "counts": {**counts, "reasons": reasons}}
    made |= {"tally": {}, "seconds": 0.001}
    (folder / f"shard-{number:05}.json").write_text(json.dumps(made))
    return made


def templates(root: Path) -> None:
    """The files that every shard's column and decisions are links to."""
    root.mkdir(parents=True)
    pq.write_table(pa.table({"words": pa.array(range(RECORDS), pa.int64())}), root / "columns.parquet")
    ids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([n] * 16) for n in (1, 2)], pa.binary(16)))
    columns = {"row": pa.array([0, 1], pa.int64()), "record": ids, "reason": pa.array(["few-words"] * 2)}
    missing = {field.name: pa.nulls(2, field.type) for field in DECISIONS if field.name not in columns}
    pq.write_table(pa.table({**columns, **missing}).select(DECISIONS.names).cast(DECISIONS), root / "decisions.parquet")


def timed(seconds: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its CPU seconds added up: those of the driver and its threads, whatever else the machine does."""

    def call(*args: Any, **more: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **more)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - started

    return call


def measure(folder: Path, shards: int, executor: str) -> dict[str, float]:
    """CPU seconds by phase and the driver's peak memory, of one run over so many shards."""
    import finery.run
    from finery.config import read_pipeline
    from finery.plan import make_plan
    from finery.stages import reading

    (folder / "pages.jsonl").write_text('{"text": "a few words"}\n')
    (folder / "pipeline.toml").write_text(PIPELINE.format(executor=executor, words=2))
    pipeline, root = read_pipeline(folder / "pipeline.toml"), folder / ".finery"
    templates(root)
    units, executor_of, seconds = reading.units, finery.run.executor_of, {}
    inner = LocalExecutor(1) if executor == "local" else None

    def many(*args: Any) -> list[Any]:
        (one,) = units(*args)
        return [replace(one, number=number) for number in range(shards)]

    patches = [patch(place, timed(seconds, name, resolved(place))) for name, place in PHASES.items()]
    patches += [patch.object(reading, "units", many)]
    patches += [patch.object(finery.run, "executor_of", lambda plan: TinyExecutor(inner or executor_of(plan)))]
    started = time.process_time()
    for one in patches:
        one.start()
    finery.run.run_pipeline(pipeline, root)
    for one in patches:
        one.stop()
    seconds["whole run"] = time.process_time() - started
    started = time.process_time()
    make_plan(pipeline, root)
    seconds["the next plan, all reused"] = time.process_time() - started
    seconds["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds["lineage.duckdb, MB"] = (root / "lineage.duckdb").stat().st_size / 1e6
    return seconds


def resolved(place: str) -> Any:
    """What a dotted name leads to."""
    import pkgutil

    return pkgutil.resolve_name(place)


def in_a_process(shards: int, executor: str) -> dict[str, float]:
    """The same in a process of its own, for its memory is what counts."""
    with tempfile.TemporaryDirectory(prefix="scale-", dir=os.environ.get("SCALE_FOLDER")) as folder:
        command = [sys.executable, __file__, "--one", folder, "--shards", str(shards), "--executor", executor]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        shutil.rmtree(Path(folder) / ".finery", ignore_errors=True)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def main() -> None:
    """Half and all of the shards, side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=100_000)
    parser.add_argument("--executor", choices=("local", "ray"), default="local")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.shards, given.executor)))
        return
    print_machine()
    half, whole = (in_a_process(number, given.executor) for number in (given.shards // 2, given.shards))
    print(f"\n{'':<30} {given.shards // 2:>10,} {given.shards:>10,}   growth  a shard")
    for name, value in whole.items():
        each = f"{value / given.shards * 1e6:8.1f} {'KB' if 'MB' in name else 'µs'}".replace("KB", "B")
        print(f"{name:<30} {half[name]:>10.1f} {value:>10.1f}   {value / max(half[name], 1e-9):5.2f} {each}")


if __name__ == "__main__":
    main()
