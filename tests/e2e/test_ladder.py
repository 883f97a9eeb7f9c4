"""The example of the ladder climbs every rung, small, with the commands of its README, and twice to the same bytes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import COMMAND, digests

from finery.lineage.store import reading

EXAMPLE = Path(__file__).parents[2] / "examples" / "ladder"
SMALL = (
    "base.layers=2",
    "base.width=64",
    "base.tokens=30000",
    "tuned.epochs=1",
    "judge.epochs=1",
    "preferring.epochs=0.5",
    "rewarded.epochs=0.25",
    "rewarded.rollout=32",
    "rewarded.answer_tokens=12",
    "tuned-answers.sampling={ max_tokens = 8 }",
    "preferring-answers.sampling={ max_tokens = 8 }",
    "rewarded-answers.sampling={ max_tokens = 8 }",
)
"""What makes the ladder a matter of seconds; then it teaches nothing, but every rung is climbed."""
TAUGHT = ("instructions", "manner", "truth", "prompts")


def commands() -> list[list[str]]:
    """The commands of the README, in their order."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    found = [part for block in blocks for part in re.split(r"^(?=finery |python )", block, flags=re.MULTILINE)]
    return [shlex.split(part) for part in found if part.strip()]


def finery(folder: Path, *words: str) -> str:
    """The command's standard output; a run and its plan are made small."""
    more = [part for change in SMALL for part in ("--set", change)] if words[0] in ("run", "plan") else []
    command = [str(COMMAND), words[0], *more, *words[1:]]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, input="")
    assert ran.returncode == 0, (words, ran.stderr)
    return ran.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with a small town, its ladder climbed."""
    return climbed(tmp_path_factory.mktemp("ladder"))


def climbed(folder: Path) -> Path:
    """A copy of the example, run once."""
    for name in ("corpus.py", "pipeline.toml"):
        shutil.copy(EXAMPLE / name, folder)
    subprocess.run([sys.executable, "corpus.py", "data", "--size", "0.1"], cwd=folder, check=True, capture_output=True)
    finery(folder, "run", "pipeline.toml")
    return folder


def asked(folder: Path, query: str) -> list[tuple]:
    """The rows of a query."""
    with reading(folder / ".finery") as connection:
        return connection.execute(query).fetchall()


def test_every_rung_is_climbed_and_measured(folder: Path) -> None:
    stages = dict(asked(folder, "select stage, hook from artifacts where hook in ('train', 'evaluate')"))
    rungs = ("base", "tuned", "judge", "preferring", "rewarded")
    assert {stages[rung] for rung in rungs} == {"train"}
    measured = dict(asked(folder, "select stage, count(*) from metrics join artifacts using (artifact) group by 1"))
    evaluations = [name for name, hook in stages.items() if hook == "evaluate"]
    assert {f"{rung}-answers" for rung in rungs if rung not in ("base", "judge")} <= set(evaluations)
    assert [name for name in (*rungs, *evaluations) if not measured.get(name)] == []
    heard = "select distinct source from metrics where name = 'held_out_accuracy' and source is not null order by 1"
    assert asked(folder, heard) == [("manner",), ("truth",)]


def test_what_is_asked_in_the_end_was_in_no_instruction_pair_or_prompt(folder: Path) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / "data" / f"{name}.jsonl").read_text().splitlines()]

    def about(question: str) -> str:
        found = re.search(r"\d+ plus \d+", question)
        return found[0] if found else question

    taught = {about(row.get("prompt") or row["instruction"]) for n in TAUGHT for row in rows(n)}
    kept_back = {about(row["prompt"]) for row in rows("questions")}
    assert kept_back and not kept_back & taught


def test_a_second_climb_leaves_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = digests(folder / ".finery"), digests(climbed(tmp_path) / ".finery")
    weights = {name: digest for name, digest in first.items() if name.endswith(".safetensors")}
    assert len(weights) == 5
    assert {name: second[name] for name in weights} == weights


def test_the_commands_of_the_readme_answer(folder: Path) -> None:
    for words in commands():
        if words[0] == "finery":
            assert finery(folder, *words[1:]), words


def test_a_changed_option_of_a_late_rung_runs_that_rung_alone(folder: Path) -> None:
    found = json.loads(finery(folder, "plan", "--json", "--set", "preferring.beta=0.3"))
    again = {stage["stage"] for stage in found["stages"] if not stage["reused"]}
    assert again == {"preferring", "preferring-answers", "preferring-text"}
