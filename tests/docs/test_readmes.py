"""The READMEs do what they say: their files are written, their commands run, their names exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from finery.catalog import entries
from finery.verbs import VERBS

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.S)
FINERY = str(Path(sys.executable).parent / "finery")


def blocks(readme: Path) -> list[re.Match[str]]:
    """The code blocks of a README."""
    return list(BLOCK.finditer(readme.read_text(encoding="utf-8")))


def commands(readme: Path) -> list[str]:
    """The commands that it shows: lines that begin with `$ `."""
    lines = (line for block in blocks(readme) if block["kind"] == "console" for line in block["text"].splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that the README's pipeline reads, with the README's own files beside them."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("core", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    write_files(ROOT / "README.md", folder)
    return folder


def write_files(readme: Path, folder: Path) -> None:
    """Write the blocks that are named as files."""
    for block in blocks(readme):
        if block["file"]:
            (folder / block["file"]).write_text(block["text"], encoding="utf-8")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command in a folder, its output kept."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def test_the_commands_of_the_readme_run_in_their_order(clone: Path) -> None:
    for command in commands(ROOT / "README.md"):
        done = run([FINERY, *shlex.split(command)[1:]], clone)
        refused = "letters:Letters" in command
        assert done.returncode == (2 if refused else 0), f"{command}\n{done.stdout}{done.stderr}"
        if refused:
            assert "first.toml:13: filter 'letters:Letters': unknown option 'min_words'" in done.stderr


def test_the_report_has_the_tables_that_the_readme_shows(clone: Path) -> None:
    done = run([FINERY, "run", "first.toml"], clone)
    shown = next(b["text"] for b in blocks(ROOT / "README.md") if b["text"].startswith("$ finery run first"))
    words = [line.split() for line in shown.splitlines() if line.startswith(("Records", "source", "stage", "Why"))]
    assert [w for w in words if w not in [line.split() for line in done.stdout.splitlines()]] == []


def test_the_plugin_of_the_readme_works(clone: Path) -> None:
    text = (clone / "first.toml").read_text().replace('filter = "length"\nmin_words = 8', 'filter = "letters:Letters"')
    (clone / "second.toml").write_text(text)
    done = run([FINERY, "run", "second.toml"], clone)
    assert done.returncode == 0, done.stderr
    assert "few-letters" in done.stdout


def test_the_authors_guide_makes_a_plugin_that_passes_its_test_and_drops_shouting(tmp_path: Path) -> None:
    write_files(ROOT / "plugins/README.md", tmp_path)
    (tmp_path / "letters.jsonl").write_text('{"text": "Hello there."}\n{"text": "BUY NOW"}\n')
    tested = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shout.py"], tmp_path)
    assert tested.returncode == 0, tested.stdout
    done = run([FINERY, "run", "quiet.toml"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "shouts" in done.stdout


def test_every_example_of_the_authors_guide_does_what_it_says(tmp_path: Path) -> None:
    write_files(ROOT / "plugins/README.md", tmp_path)
    shutil.copy(ROOT / "tests/docs/authors_guide.py", tmp_path / "test_guide.py")
    tested = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_guide.py"], tmp_path)
    assert tested.returncode == 0, tested.stdout


def test_the_hook_tables_name_every_hook() -> None:
    for readme in ("README.md", "plugins/README.md"):
        text = (ROOT / readme).read_text()
        assert [verb for verb in VERBS if f"| `{verb}` |" not in text] == []


def test_the_list_of_built_ins_is_the_installed_one() -> None:
    text = (ROOT / "plugins/README.md").read_text().partition("## Built-ins")[2]
    rows = dict(re.findall(r"^\| (\w+) \| (`.*`) \|$", text, re.M))
    said = {(hook, name.strip("`")) for hook, names in rows.items() for name in names.split()}
    assert said == {(entry.hook, entry.name) for entry in entries() if entry.package == "finery"}


def test_install_lines_name_extras_and_targets_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    said = {extra for group in re.findall(r"'\.\[([\w,]+)\]'", text) for extra in group.split(",")}
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert said <= extras
    assert set(re.findall(r"^make (\w+)", text, re.M)) <= targets


def test_every_folder_explains_itself() -> None:
    for folder in ("core", "plugins", "registry"):
        assert (ROOT / folder / "README.md").read_text().startswith("# ")


def test_files_that_the_kernel_readme_names_are_there() -> None:
    text = (ROOT / "core/README.md").read_text().partition("## Where to look")[2].partition("## Why not")[0]
    names = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    assert names
    assert [
        n for n in names if not (ROOT / "core/finery" / n).exists() and not list((ROOT / "core/finery").rglob(n))
    ] == []
