"""A distribution of someone else's: built, installed into a fresh environment, listed, run, tested and removed."""

import json
from pathlib import Path
from typing import Any

import pytest
from fresh import Fresh, letters_wheel, new_fresh, said

PIPELINE = """
source = [{ name = "notes", path = "notes.jsonl" }]
stage = [{ filter = "letters", minimum = 0.7 }]
"""

NOTES = ["The keeper writes the weather into the log.", "3.14159 2.71828 1.41421", "Yes", "*** 50 % ***", ""]
# By hand: the shares of letters are 35/43, 0, 1, 0 and, for no characters, 0.
FEW = 3


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a wheel."""
    return letters_wheel(tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Fresh:
    """A fresh environment with the wheel installed."""
    made = new_fresh(tmp_path_factory.mktemp("fresh") / "env")
    assert letters(made) == []
    made.pip("install", "--no-deps", "--no-index", "--quiet", str(wheel))
    return made


def letters(fresh: Fresh) -> list[dict[str, Any]]:
    """The plugins named `letters` that are listed there."""
    done = fresh.finery("plugins", "list", "--json")
    assert done.returncode == 0, done.stderr
    return [entry for entry in json.loads(done.stdout) if entry["name"] == "letters"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline that uses the plugin."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in NOTES))
    return folder


def test_an_installed_plugin_is_listed_with_its_package_and_version(fresh: Fresh) -> None:
    (entry,) = letters(fresh)
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
    assert letters(fresh) == []
    done = fresh.finery("run", cwd=project)
    assert done.returncode == 2
    assert "pipeline.toml:3: unknown filter 'letters'" in done.stderr
    assert "length" in done.stderr
    assert "Traceback" not in done.stderr
