"""`finery plugins new` for every hook: generated, checked, installed into one fresh environment, and tested there."""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from finery import UsageError
from finery_registry.cli.new import new
from finery_registry.listing import HOOKS
from finery_registry.starting import TAKEN, begun, contents, named

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Made:
    """A folder with a distribution a hook, and a fresh environment that has them all."""

    folder: Path
    python: str

    def modules(self) -> list[str]:
        """Every module that was generated."""
        return [str(path) for path in sorted(self.folder.glob("acme-*/*.py"))]

    def tests(self) -> list[str]:
        """Every test that was generated."""
        return [str(path) for path in sorted(self.folder.glob("acme-*/tests/*.py"))]


def said(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """What a command wrote."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All hooks' distributions, installed without network; dependencies are read from this environment's packages."""
    folder = tmp_path_factory.mktemp("new")
    for hook in HOOKS:
        begun(named(f"acme-{hook}-start", hook, f"acme-{hook}", "Acme"), folder / f"acme-{hook}-start")
    home = folder / "environment"
    venv.create(home, with_pip=False, symlinks=sys.platform != "win32")
    python = str(home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    purelib = said([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).stdout.strip()
    lines = [f"import site; site.addsitedir({packages!r})" for packages in site.getsitepackages()]
    (Path(purelib) / "dependencies.pth").write_text("\n".join(lines) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    done = said([*pip, "--no-build-isolation", *(f"./acme-{hook}-start" for hook in HOOKS)], folder)
    assert done.returncode == 0, done.stderr
    return Made(folder, python)


def test_each_is_installed_under_its_hook(made: Made) -> None:
    code = "from finery.cli.main import main; main()"
    done = said([made.python, "-c", code, "plugins", "list", "--json"], made.folder)
    rows = {(row["hook"], row["name"], row["version"]) for row in json.loads(done.stdout)}
    assert rows >= {(hook, f"acme-{hook}", "0.1.0") for hook in HOOKS}


def test_their_tests_pass_there(made: Made) -> None:
    pytest_there = [
        made.python,
        "-W",
        "ignore",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
    ]
    done = said([*pytest_there, "--rootdir", str(made.folder), *made.tests()], made.folder)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 8 * len(HOOKS)


def test_ruff_and_mypy_find_nothing_by_their_own_settings(made: Made) -> None:
    checked = [said([sys.executable, "-m", "ruff", "check", f"acme-{hook}-start"], made.folder) for hook in HOOKS]
    assert [done.stdout for done in checked if done.returncode] == []
    settings = str(made.folder / "acme-filter-start" / "pyproject.toml")
    code = said([sys.executable, "-m", "mypy", "--config-file", settings, *made.modules()], made.folder)
    assert code.returncode == 0, code.stdout
    paths = {"MYPYPATH": ":".join(str(path) for path in made.folder.glob("acme-*"))}
    tests = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", settings, *made.tests()],
        cwd=made.folder, env={**os.environ, **paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout


@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_of_the_template_is_left(hook: str) -> None:
    texts = contents(named(f"acme-{hook}-start", hook, f"acme-{hook}", "Acme"))
    left = re.compile(r"[Ss]tarter|finery_registry|@[a-z]+@|noqa")
    assert {name: left.findall(text) for name, text in texts.items() if left.search(text)} == {}
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["entry-points"] == {f"finery.{hook}": {f"acme-{hook}": f"acme_{hook}_start:Acme{hook.capitalize()}"}}
    assert f'"acme-{hook}"' in texts["README.md"]
    assert "Apache License" in texts["LICENSE"]


@pytest.mark.parametrize(
    ("name", "hook", "fault"),
    [
        ("acme", "filtre", "no such hook .did you mean 'filter'"),
        ("Acme", "filter", "is no name for a distribution"),
        ("3gram", "filter", "is no name for a distribution"),
        ("acme--x", "filter", "is no name for a distribution"),
        ("json", "filter", "module 'json' would hide another"),
        ("numpy", "score", "module 'numpy' would hide another"),
        ("class", "mix", "module 'class' would hide another"),
        ("finery-length", "filter", "filter 'length': is brought by finery already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, hook: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        named(name, hook, None, None)


def test_a_class_does_not_hide_what_its_module_imports() -> None:
    assert {named("acme", "filter", word.lower(), None).kind for word in TAKEN if word.isalpha()}.isdisjoint(TAKEN)


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("here")
    with pytest.raises(UsageError, match="is there already and not empty"):
        begun(named("acme-x", "filter", None, None), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_verb_says_what_comes_next_in_a_way_that_pip_takes_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(new, ["acme-x", "--hook", "mix"])
    assert done.exit_code == 0
    assert "  pip install -e './acme-x[test]'\n" in done.output
    assert (tmp_path / "acme-x/acme_x.py").is_file()
