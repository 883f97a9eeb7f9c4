"""The example of curation does what its README says, with the commands that stand there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import COMMAND

from finery.lineage.store import reading

KEPT = "select count from tallies join artifacts using (artifact) where stage = 'dense' and name = 'kept'"
EXAMPLE = Path(__file__).parents[2] / "examples" / "curate"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its data."""
    made = tmp_path_factory.mktemp("curate")
    for name in ("corpus.py", "pipeline.toml"):
        shutil.copy(EXAMPLE / name, made)
    subprocess.run([sys.executable, "corpus.py", "data"], cwd=made, check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, str]:
    """What each command of the README prints, in their order."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    said = {}
    for line in commands:
        if line.startswith("finery"):
            found = subprocess.run([COMMAND, *shlex.split(line)[1:]], cwd=folder, capture_output=True, text=True)
            assert found.returncode == 0, (line, found.stderr)
            said[line] = found.stdout
    return said


def answer(told: dict[str, str], verb: str) -> str:
    """What the first command with a verb printed."""
    return next(said for line, said in told.items() if line.startswith(f"finery {verb}"))


def test_every_way_to_leave_is_taken(told: dict[str, str]) -> None:
    said = answer(told, "run")
    for stage in ("minhash", "english", "gopher", "repetition", "dense", "handoff", "same-talk"):
        assert re.search(rf"^{stage} +\w+ +\S+ +[1-9]", said, re.MULTILINE), (stage, said)


def test_a_line_of_a_file_is_asked_for(told: dict[str, str]) -> None:
    assert "data/pages.jsonl:12" in answer(told, "why")


def test_a_sweep_counts_what_a_run_keeps(told: dict[str, str], folder: Path) -> None:
    kept = [int(number) for number in re.findall(r"pages +(\d+) ", answer(told, "sweep"))]
    assert kept == sorted(kept) and len(set(kept)) == 3
    with reading(folder / ".finery") as connection:
        found = connection.execute(KEPT).fetchall()
    assert {kept[0], kept[1]} == {count for (count,) in found}


def test_a_difference_names_what_changed(told: dict[str, str]) -> None:
    said = answer(told, "diff")
    assert "compression_ratio <= 1.8" in said and "kept  dense: where" in said
