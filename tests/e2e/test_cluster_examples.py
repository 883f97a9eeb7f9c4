"""The example of curation on two nodes: every digest and decision is that of the run on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clusters import cluster
from places import COMMAND, digests

from finery.lineage.store import reading

EXAMPLES = Path(__file__).parents[2] / "examples"
DECIDED = (
    "select stage, record, reason, value, bound, other from decisions join artifacts using (artifact) order by all"
)

__all__ = ["cluster"]


def copied(example: str, folder: Path, *options: str) -> Path:
    """An example with its data."""
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns(".finery", "data", "__pycache__"))
    subprocess.run([sys.executable, "corpus.py", "data", *options], cwd=folder, check=True, capture_output=True)
    return folder


def run(folder: Path, *settings: str) -> dict[str, Any]:
    """Run its pipeline; the report."""
    words = [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run([COMMAND, "run", "--json", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def decisions(folder: Path) -> list[tuple[Any, ...]]:
    """Every record's fate that is not to be kept."""
    with reading(folder / ".finery") as connection:
        return list(connection.execute(DECIDED).fetchall())


@pytest.mark.slow
def test_curation_on_two_nodes_leaves_the_bytes_of_one_machine(cluster: Any, tmp_path: Path) -> None:
    here, there = (copied("curate", tmp_path / name) for name in ("here", "there"))
    run(here, "run.workers=1")
    run(there, "run.executor=ray", f"run.address={cluster.address}")
    assert digests(there / ".finery") == digests(here / ".finery")
    assert decisions(there) == decisions(here) != []
