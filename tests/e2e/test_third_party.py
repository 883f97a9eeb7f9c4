"""A distribution of someone else's: built, installed into a fresh environment, listed, run, tested and removed."""

import json
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-letters"

PIPELINE = """
source = [{ name = "notes", path = "notes.jsonl" }]
stage = [{ filter = "letters", minimum = 0.7 }]
"""

NOTES = ["The keeper writes the weather into the log.", "3.14159 2.71828 1.41421", "Yes", "*** 50 % ***", ""]
# By hand: the shares of letters are 35/43, 0, 1, 0 and, for no characters, 0.
FEW = 3


@dataclass(frozen=True)
class Fresh:
    """A virtual environment that has nothing but what it is given, and the dependencies of this one to read."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        return str(self.folder / scripts / "python")

    def finery(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """What the `finery` command says there."""
        code = "from finery.cli.main import main; main()"
        return said([self.python, "-c", code, *arguments], cwd)

    def pip(self, *arguments: str) -> None:
        """Run pip on it, without network."""
        done = said([sys.executable, "-m", "pip", "--python", self.python, *arguments])
        assert done.returncode == 0, done.stderr

    def letters(self) -> list[dict[str, Any]]:
        """The plugins named `letters` that are listed there."""
        done = self.finery("plugins", "list", "--json")
        assert done.returncode == 0, done.stderr
        return [entry for entry in json.loads(done.stdout) if entry["name"] == "letters"]


def said(command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a command wrote."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a wheel, built from a copy so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("acme")
    ignored = shutil.ignore_patterns("dist", "__pycache__", ".pytest_cache")
    shutil.copytree(EXAMPLE, folder / "source", ignore=ignored)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = said([*build, str(folder / "source")])
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Fresh]:
    """A fresh environment with the wheel installed; dependencies are read from this environment's packages."""
    made = Fresh(tmp_path_factory.mktemp("fresh") / "env")
    venv.create(made.folder, with_pip=False, symlinks=sys.platform != "win32")
    purelib = said([made.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout.strip()
    # addsitedir, because this environment's own .pth files (an editable Finery has one) must count there too.
    lines = [f"import site; site.addsitedir({packages!r})" for packages in site.getsitepackages()]
    (Path(purelib) / "dependencies.pth").write_text("\n".join(lines) + "\n")
    assert made.letters() == []
    made.pip("install", "--no-deps", "--no-index", "--quiet", str(wheel))
    yield made


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline that uses the plugin."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in NOTES))
    return folder


def test_an_installed_plugin_is_listed_with_its_package_and_version(fresh: Fresh) -> None:
    (entry,) = fresh.letters()
    assert (entry["hook"], entry["package"], entry["version"]) == ("filter", "acme-letters", "1.0.0")


def test_its_options_are_shown_with_their_documentation(fresh: Fresh) -> None:
    done = fresh.finery("plugins", "show", "letters")
    assert done.returncode == 0, done.stderr
    assert "Drop documents in which too few of the characters are letters." in done.stdout
    assert "Smallest share of letters." in done.stdout


def test_a_pipeline_runs_with_it(fresh: Fresh, project: Path) -> None:
    done = fresh.finery("run", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [(row["reason"], row["count"]) for row in report["reasons"]] == [("few-letters", FEW)]
    (notes,) = report["flow"]
    assert (notes["source"], notes["read"], notes["out"]) == ("notes", len(NOTES), len(NOTES) - FEW)


def test_its_own_tests_pass_there(fresh: Fresh, wheel: Path) -> None:
    # From the folder of the tests, so that the plugin is imported from the wheel and not from beside them.
    done = said([fresh.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], wheel.parent / "source" / "tests")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_removed_it_is_no_longer_listed_and_its_pipeline_says_what_there_is(fresh: Fresh, project: Path) -> None:
    fresh.pip("uninstall", "--yes", "--quiet", "acme-letters")
    assert fresh.letters() == []
    done = fresh.finery("run", cwd=project)
    assert done.returncode == 2
    assert "pipeline.toml:3: unknown filter 'letters'" in done.stderr
    assert "length" in done.stderr
    assert "Traceback" not in done.stderr
