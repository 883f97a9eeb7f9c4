"""What an installation that fails half-way leaves: everything as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forge import METADATA, Dist

from finery import FineryError
from finery_registry.environment import Environment
from finery_registry.pip import Pip
from finery_registry.snapshot import restored_on_error
from finery_registry.trial import made, purelib

LIBRARY = Dist(
    name="acme_library",
    points="",
    files={"acme_library_data/a/b.txt": "1\n"},
    metadata=METADATA.replace("Requires-Dist: finery>=0.1\n", ""),
)


def state(folder: Path) -> dict[str, bytes]:
    """Every file of a folder; what Python caches does not count."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.fixture
def there(tmp_path: Path) -> Environment:
    """An environment with a library that brings no plugin, whose name has an underscore."""
    python = made(tmp_path / "env")
    Pip(python, tmp_path).run("install", "--no-index", "--no-deps", "--quiet", str(LIBRARY.wheel(tmp_path / "w")))
    return Environment(python)


def test_files_that_were_changed_taken_away_or_added_are_as_before(there: Environment) -> None:
    packages = purelib(there.python)
    before = state(packages)
    with pytest.raises(KeyboardInterrupt), restored_on_error(there, ["acme-library"]):
        (packages / "acme_library.py").write_text("changed\n", encoding="utf-8")
        shutil.rmtree(packages / "acme_library_data")
        shutil.rmtree(next(packages.glob("acme_library-*.dist-info")))
        (packages / "new" / "folder").mkdir(parents=True)
        (packages / "new" / "folder" / "file.py").write_text("", encoding="utf-8")
        raise KeyboardInterrupt
    assert state(packages) == before
    assert not (packages / "new").exists()


def test_what_succeeds_stays(there: Environment) -> None:
    packages = purelib(there.python)
    with restored_on_error(there, ["acme-library"]):
        (packages / "added.py").write_text("", encoding="utf-8")
    assert (packages / "added.py").exists()


def test_what_cannot_be_put_back_is_told(there: Environment) -> None:
    packages = purelib(there.python)
    # Not named as changing, so that there is no copy of it.
    refused = pytest.raises(FineryError, match="could not be put back: acme-library")
    with refused, restored_on_error(there, []):
        shutil.rmtree(next(packages.glob("acme_library-*.dist-info")))
        raise ValueError
