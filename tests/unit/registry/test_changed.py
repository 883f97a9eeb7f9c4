"""What the workflow runs on a pull request: the entries that it changes, and no others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from forge import SOUND

from finery_registry.changed import changed, faults_of, main
from finery_registry.index import INSIDE

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> tuple[Path, str]:
    """A checkout with one entry committed, its wheel beside it, and a second entry that is new."""
    entries = tmp_path / INSIDE[1]
    SOUND.listed(entries, SOUND.wheel(entries))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    second = SOUND.but(name="acme-two", points="[finery.filter]\nshort = acme_two:Short\n")
    second.listed(entries, second.wheel(entries))
    git(tmp_path, "add", ".")
    return tmp_path, commit


def git(folder: Path, *words: str) -> str:
    """What git says in a folder."""
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_only_what_changed_is_verified_and_a_taken_name_fails_it(
    checkout: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, commit = checkout
    assert [entry.name for entry in changed(commit, folder)] == ["acme-two.toml"]
    (fault,) = faults_of(changed(commit, folder)[0], folder)
    assert "filter 'short': is a plugin of acme-short already" in fault
    monkeypatch.chdir(folder)
    assert main(commit) == 1
    assert capsys.readouterr().out.startswith("acme-two.toml: 1 faults\n")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_sound_entry_is_verified(
    checkout: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, commit = checkout
    (folder / INSIDE[1] / "acme-short.toml").unlink()
    monkeypatch.chdir(folder)
    assert main(commit) == 0
    assert capsys.readouterr().out == "acme-two.toml: verified\n"


def test_the_workflow_runs_it_and_has_no_rights() -> None:
    text = (ROOT / ".github" / "workflows" / "registry.yml").read_text(encoding="utf-8")
    assert "python -P -m finery_registry.changed" in text
    assert "permissions:\n  contents: read" in text
