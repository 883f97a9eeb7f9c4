"""As a new user: find a plugin in an index, read its card, install it, swap one word of a pipeline, run, remove it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from finery_registry.index import BUNDLED
from finery_registry.trial import made
from finery_registry.wheel import read_wheel

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-letters"

PIPELINE = """
[[source]]
name = "notes"
path = "notes.jsonl"

[[stage]]
filter = "WORD"
"""

NOTES = ["The keeper writes the weather into the log.", "3.14159 2.71828 1.41421", "Yes", "*** 50 % ***"]
# By hand: the shares of letters are 35/43, 0, 1 and 0, and the least is 0.6.
FEW = 2


@dataclass(frozen=True)
class User:
    """Somebody with a fresh environment, a pipeline and an index with its wheels."""

    python: str
    folder: Path

    def says(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What `finery` answers."""
        code = "from finery.cli.main import main; main()"
        command = [self.python, "-c", code, *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def done(self, *words: str) -> str:
        """What it answers, and that it did it."""
        answer = self.says(*words)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def pipeline(self, word: str) -> None:
        """A pipeline with that filter."""
        (self.folder / "pipeline.toml").write_text(PIPELINE.replace("WORD", word), encoding="utf-8")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A new user; the index is the community's entry of the example, its wheel built now."""
    folder = tmp_path_factory.mktemp("user")
    wheel = built(folder)
    text = (BUNDLED / "acme-letters.toml").read_text(encoding="utf-8")
    (folder / "index").mkdir()
    lines = [f'sha256 = "{read_wheel(wheel).sha256}"' if x.startswith("sha256") else x for x in text.splitlines()]
    (folder / "index" / "acme-letters.toml").write_text("\n".join(lines), encoding="utf-8")
    project = folder / "project"
    project.mkdir()
    (project / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in NOTES))
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        settings.setenv("FINERY_CONFIG", str(folder / "config.toml"))
        settings.setenv("FINERY_INDEX", str(folder / "index"))
        yield User(made(folder / "env"), project)


def built(folder: Path) -> Path:
    """The example's wheel, built from a copy so that the checkout stays clean."""
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("dist", "__pycache__", ".pytest_cache"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "wheels")]
    done = subprocess.run([*build, str(folder / "source")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def test_a_plugin_is_found_installed_used_and_removed(user: User) -> None:
    wheels = str(user.folder.parent / "wheels")
    (found,) = json.loads(user.done("plugins", "search", "letters", "--json"))
    assert (found["name"], found["release"], found["installed"]) == ("acme-letters", "1.0.0", None)
    assert "Smallest share of letters." in user.done("plugins", "show", "letters")

    user.pipeline("letters")
    answer = user.says("run")
    assert answer.returncode == 2
    assert "unknown filter 'letters'" in answer.stderr

    said = user.done("plugins", "install", "letters", "--from-wheels", wheels, "--yes")
    assert "not reviewed for safety" in said
    assert said.endswith("installed acme-letters 1.0.0: filter letters\n")
    rows = json.loads(user.done("plugins", "list", "--hook", "filter", "--load", "--json"))
    (row,) = [row for row in rows if row["name"] == "letters"]
    assert (row["tier"], row["package"], row["version"], row["loads"]) == ("listed", "acme-letters", "1.0.0", "yes")

    report = json.loads(user.done("run", "--json"))
    assert [(row["reason"], row["count"]) for row in report["reasons"]] == [("few-letters", FEW)]

    user.done("plugins", "remove", "letters", "--yes")
    assert user.says("run").returncode == 2
    assert user.done("plugins", "doctor") == "nothing is wrong\n"


def test_the_words_of_a_verb_that_is_not_there_are_asked_about(user: User) -> None:
    answer = user.says("plugins", "serch", "letters")
    assert answer.returncode == 2
    assert "did you mean 'search'" in answer.stderr


def test_a_check_with_faults_leaves_with_one(user: User) -> None:
    (user.folder / "faulty.py").write_text(
        (EXAMPLE / "acme_letters.py").read_text().replace('"""Smallest', '""'), "utf-8"
    )
    assert user.says("plugins", "check", "faulty.py").returncode == 1
    shutil.copyfile(EXAMPLE / "acme_letters.py", user.folder / "sound.py")
    assert user.says("plugins", "check", "sound.py").returncode == 0
