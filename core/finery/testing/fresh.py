"""A plugin's answers in a fresh process with another hash seed: the check, and what the process runs.

`python -m finery.testing.fresh FOLDER` reads `task.json` and batches there and writes `rows.json` beside them.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery.errors import Fault
from finery.testing.declaration import dumped, options_json
from finery.testing.laws import alike
from finery.testing.samples import Samples
from finery.testing.subject import Skipped, Subject, attempt
from finery.types import Source

PATIENCE = 600  # seconds: importing torch on a busy machine takes a minute
NOT_FOUND = 3


def fresh_process(subject: Subject) -> Iterator[Fault]:
    """Another process with another hash seed answers the same: a run has many, and resumes in new ones."""
    before = subject.law
    if "<locals>" in subject.cls.__qualname__ or subject.cls.__module__ == "__main__":
        raise Skipped(f"{subject.cls.__qualname__} cannot be imported by path")
    if list(options_json(subject)):
        raise Skipped("waits for 'options-json'")
    with tempfile.TemporaryDirectory() as folder:
        write_task(subject, Path(folder))
        after = attempt(lambda: answers_of(Path(folder)))
    remedy = "order sets with sorted(), hash with hashlib or xxhash: hash() of text differs by process"
    yield from alike(subject, before, after, "in a fresh process", remedy)


def write_task(subject: Subject, folder: Path) -> None:
    """Leave in `folder` all that the other process needs."""
    tables = {"trials": subject.batches if subject.verb != "mix" else (), "prepare": subject.samples.batches}
    for name, batches in tables.items():
        for number, batch in enumerate(batches):
            with pa.ipc.new_stream(folder / f"{name}-{number}.arrow", batch.schema) as stream:
                stream.write_table(batch)
    task = {
        "module": subject.cls.__module__,
        "name": subject.cls.__qualname__,
        "options": json.loads(dumped(subject.plugin)),
        "sources": [asdict(source) for source in subject.sources],
        **{name: len(batches) for name, batches in tables.items()},
    }
    (folder / "task.json").write_text(json.dumps(task))


def answers_of(folder: Path) -> list[dict[str, list[str]]]:
    """The rows that a fresh process finds. Raises Skipped where it has no such class, else RuntimeError."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    done = subprocess.run(  # noqa: S603 - this interpreter, this module
        [sys.executable, "-m", "finery.testing.fresh", str(folder)],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1:] or [""]
    if done.returncode == NOT_FOUND:
        raise Skipped(last[0])
    if done.returncode:
        raise RuntimeError(last[0])
    rows: list[dict[str, list[str]]] = json.loads((folder / "rows.json").read_text())
    return rows


def main(folder: Path) -> int:
    """Answer the task in `folder`; the exit code says whether the plugin could be imported."""
    task = json.loads((folder / "task.json").read_text())
    cls = found(task["module"], task["name"])
    if cls is None:
        sys.stderr.write(f"{task['module']}:{task['name']} cannot be imported by path\n")
        return NOT_FOUND
    sources = tuple(Source(**source) for source in task["sources"])
    subject = Subject(cls(**task["options"]), Samples(read(folder, "prepare", task["prepare"]), sources))
    trials = [sources] if subject.verb == "mix" else read(folder, "trials", task["trials"])
    rows = [subject.rows(given) for given in trials]
    (folder / "rows.json").write_text(json.dumps(rows))
    return 0


def found(module: str, name: str) -> Any:
    """The class at `module:name`, None where a fresh process does not find it."""
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError:
        return None


def read(folder: Path, name: str, count: int) -> tuple[pa.Table, ...]:
    """The batches that were left under a name."""
    tables = []
    for number in range(count):
        with pa.ipc.open_stream(folder / f"{name}-{number}.arrow") as stream:
            tables.append(stream.read_all().combine_chunks())
    return tuple(tables)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
