"""The lock: what it holds, what a run refuses, and an environment that is made again from it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from forge import SOUND

from finery import UsageError, read_lock
from finery.lock.document import NAME, written
from finery_registry.pip import Pip
from finery_registry.trial import made
from finery_registry.wheels import known

PIPELINE = """name = "notes"
run = { workers = 1 }
source = [{ name = "notes", path = "notes.jsonl" }]
stage = [{ filter = "short", least = 4 }, { filter = "own:Quiet" }]
"""

OWN = SOUND.code.replace("Short", "Quiet")
NEWER = SOUND.but(version="1.1.0")


@dataclass(frozen=True)
class Place:
    """An environment, and a project in a folder."""

    python: str
    folder: Path

    def finery(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the command says there."""
        code = "from finery.cli.main import main; main()"
        return subprocess.run(
            [self.python, "-c", code, *words], cwd=self.folder, capture_output=True, text=True, check=False
        )

    def refused(self, *words: str) -> list[str]:
        """The lines of a refusal."""
        done = self.finery(*words)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr.splitlines()

    def lineage(self) -> list[tuple[bool, list[str], str]]:
        """Whether each run's lock held, its faults, and the lock, the latest run first."""
        with duckdb.connect(str(self.folder / ".finery/lineage.duckdb"), read_only=True) as connection:
            rows = connection.execute("select held, faults, lock from locks order by run desc").fetchall()
        return [(held, json.loads(faults), lock) for held, faults, lock in rows]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two releases of a plugin."""
    folder = tmp_path_factory.mktemp("wheels")
    SOUND.wheel(folder)
    NEWER.wheel(folder)
    return folder


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment to lock."""
    return made(tmp_path_factory.mktemp("here") / "env")


@pytest.fixture(scope="module")
def locked(here: str, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lock of the project, written once."""
    install(here, wheels / SOUND.file)
    place = Place(here, begun(tmp_path_factory.mktemp("locked")))
    done = place.finery("lock")
    assert done.returncode == 0, done.stderr
    return (place.folder / NAME).read_text()


@pytest.fixture
def place(here: str, locked: str, tmp_path: Path) -> Place:
    """A project whose lock holds."""
    begun(tmp_path)
    (tmp_path / NAME).write_text(locked)
    return Place(here, tmp_path)


@pytest.fixture
def changing(place: Place, wheels: Path) -> Iterator[Place]:
    """The same, its environment put back afterwards."""
    yield place
    install(place.python, wheels / SOUND.file)


def begun(folder: Path) -> Path:
    """The project's files, in a folder."""
    (folder / "pipeline.toml").write_text(PIPELINE)
    (folder / "own.py").write_text(OWN)
    (folder / "notes.jsonl").write_text('{"text": "abc"}\n{"text": "a river of words"}\n')
    return folder


def install(python: str, wheel: Path) -> None:
    """Install a wheel as it is."""
    Pip(python).run("install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", str(wheel))


def code_of(python: str) -> Path:
    """The plugin's file in an environment."""
    found = subprocess.run(
        [python, "-c", "import acme_short; print(acme_short.__file__)"], capture_output=True, check=True
    )
    return Path(found.stdout.decode().strip())


def line_with(lock: Path, text: str) -> int:
    """The line of the table that a text stands in."""
    lines = lock.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if text in line)
    return max(number for number in range(at + 1) if lines[number].startswith("[")) + 1


def test_a_lock_names_what_a_run_depends_on_and_is_the_same_again(place: Place, wheels: Path) -> None:
    text = (place.folder / NAME).read_text()
    lock = tomllib.loads(text)
    short, own = (next(one for one in lock["plugin"] if one["name"] == name) for name in ("short", "own:Quiet"))
    (acme,) = [one for one in lock["distribution"] if one["name"] == "acme-short"]
    assert (short["distribution"], len(own["digest"])) == ("acme-short", 32)
    assert acme["version"] == "1.0.0"
    assert acme["sha256"] == hashlib.sha256((wheels / SOUND.file).read_bytes()).hexdigest()
    assert lock["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "pyarrow", "pydantic"} <= {one["name"] for one in lock["dependency"]}
    place.finery("lock")
    assert (place.folder / NAME).read_text() == text


def test_a_run_under_its_lock_keeps_it_in_the_lineage(place: Place) -> None:
    done = place.finery("run", "--quiet")
    assert done.returncode == 0, done.stderr
    assert place.lineage() == [(True, [], (place.folder / NAME).read_text())]
    (record,) = (place.folder / ".finery/runs").glob("*.json")
    assert json.loads(record.read_text())["lock"]["held"] is True


def test_an_installed_file_edited_by_hand_is_refused_unless_unlocked(changing: Place) -> None:
    path = code_of(changing.python)
    path.write_text(path.read_text() + "# edited\n")
    line = line_with(changing.folder / NAME, 'name = "acme-short"')
    said = (
        f"finery.lock:{line}: acme-short 1.0.0: acme_short.py changed after it was installed: finery install --locked"
    )
    for verb in (["run"], ["run", "--dry-run"], ["plan"]):
        (fault,) = changing.refused(*verb)
        assert fault.startswith(said)
    assert not (changing.folder / ".finery/runs").exists()
    done = changing.finery("run", "--quiet", "--unlocked")
    assert done.returncode == 0, done.stderr
    ((held, (kept,), _),) = changing.lineage()
    assert (held, kept) == (False, fault)


def test_another_version_is_refused_and_a_new_lock_takes_it(changing: Place, wheels: Path) -> None:
    install(changing.python, wheels / NEWER.file)
    (fault,) = changing.refused("run")
    assert "locked is acme-short 1.0.0, installed is 1.1.0: finery install --locked" in fault
    assert changing.finery("lock").returncode == 0
    assert changing.finery("run", "--quiet").returncode == 0


def test_a_missing_plugin_is_refused_by_the_lock_and_not_by_what_follows_from_it(changing: Place) -> None:
    Pip(changing.python).remove(["acme-short"])
    assert changing.refused("run")[0].endswith("acme-short 1.0.0 is not installed: finery install --locked")
    assert "unknown filter 'short'" in changing.refused("run", "--unlocked")[0]


def test_a_plugin_beside_the_pipeline_that_changed_is_refused(place: Place) -> None:
    (place.folder / "own.py").write_text(OWN + "# edited\n")
    (fault,) = place.refused("run")
    assert "filter 'own:Quiet': its file changed since it was locked" in fault


def test_a_stage_that_the_lock_does_not_know_is_refused(place: Place) -> None:
    pipeline = place.folder / "pipeline.toml"
    pipeline.write_text(PIPELINE.replace("[{ filter", '[{ filter = "length" }, { filter'))
    assert place.refused("plan") == ["pipeline.toml: filter 'length' is not in finery.lock: finery lock pipeline.toml"]


def test_another_python_is_refused(place: Place) -> None:
    lock = read_lock(place.folder / NAME)
    tables = [[bare(one) for one in kind] for kind in (lock.plugins, lock.distributions, lock.dependencies)]
    environment = {**bare(lock.environment), "python": "3.99.1"}
    lock.file.write_text(written(environment, *tables))
    (fault,) = place.refused("run")
    assert fault.startswith("finery.lock: locked is Python 3.99.1, this is 3.")
    (fault,) = place.refused("install", "--locked")
    assert "locked is 3.99.1: give --python a Python 3.99" in fault


def bare(table: object) -> dict[str, object]:
    """A table of a lock without what writing puts in."""
    return {key: value for key, value in dict(table).items() if key not in ("seal", "format", "tables")}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("before", "after", "table"),
    [
        (r'version = "1\.0\.0"', 'version = "1.0.1"', r'name = "acme-short"'),
        (r'sha256 = "..', 'sha256 = "ff', r'name = "acme-short"'),
        (r'target = "acme_short:Short"', 'target = "acme_short:Other"', 'name = "short"'),
        (r'python = "3', 'python = "4', "format = "),
        (r'name = "numpy"\nversion = "\d', 'name = "numpy"\nversion = "9', 'name = "numpy"'),
    ],
)
def test_a_lock_edited_by_hand_is_refused_with_its_line(place: Place, before: str, after: str, table: str) -> None:
    lock = place.folder / NAME
    line = line_with(lock, table) if table != 'name = "acme-short"' else dist_line(lock)
    text, count = re.subn(before, after, lock.read_text(), count=1)
    assert count == 1
    lock.write_text(text)
    with pytest.raises(
        UsageError, match=rf"^finery\.lock:{line}: .*edited by hand: write it.*finery lock pipeline.toml$"
    ):
        read_lock(lock)


def dist_line(lock: Path) -> int:
    """The line of the table of the plugin's distribution."""
    lines = lock.read_text().splitlines()
    own = 'name = "acme-short"'
    return next(at for at, line in enumerate(lines, 1) if line == "[[distribution]]" and lines[at] == own)


def test_a_lock_that_lost_a_table_or_is_not_toml_is_refused(place: Place) -> None:
    lock = place.folder / NAME
    text = lock.read_text()
    lock.write_text(text[: text.rindex("[[dependency]]")])
    with pytest.raises(UsageError, match=r"finery\.lock:\d+: holds \d+ tables, \d+ were written"):
        read_lock(lock)
    lock.write_text(f"{text}[[dependency]\n")
    with pytest.raises(UsageError, match=r"finery\.lock:\d+: is not TOML"):
        read_lock(lock)
    assert place.refused("run")[0].startswith("finery.lock:")


def test_an_environment_is_made_again_elsewhere(
    place: Place, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = Place(made(tmp_path_factory.mktemp("there") / "env"), place.folder)
    assert "acme-short 1.0.0 is not installed" in there.refused("run")[0]
    words = ["install", "--locked", "--python", there.python, "--from-wheels", str(wheels), "--yes"]
    done = place.finery(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "installed acme-short 1.0.0"
    assert there.finery("run", "--quiet").returncode == 0
    done = place.finery(*words)
    assert done.stdout == f"{there.python} is as finery.lock has it\n"


def test_a_wheel_with_other_bytes_is_refused_and_nothing_is_changed(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = Place(made(tmp_path_factory.mktemp("there") / "env"), place.folder)
    folder = tmp_path_factory.mktemp("forged")
    SOUND.but(code=SOUND.code.replace("= 3", "= 4")).wheel(folder)
    done = place.finery("install", "--locked", "--python", there.python, "--from-wheels", str(folder), "--yes")
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert "acme-short 1.0.0 is not installed" in there.refused("lock", "--check")[0]


def test_what_has_no_hash_is_told_and_what_came_from_a_folder_is_refused(changing: Place) -> None:
    lock = read_lock(changing.folder / NAME)
    acme = next(one for one in lock.distributions if one["name"] == "acme-short")
    others = [bare(one) for one in lock.distributions if one is not acme]
    plain = {key: value for key, value in bare(acme).items() if key not in ("sha256", "wheel", "from")}
    Pip(changing.python).remove(["acme-short"])
    for origin, said in (
        ("wheel", "acme-short 1.0.0  no hash is known"),
        ("folder", "acme-short 1.0.0 came from a folder"),
    ):
        tables = [*others, {**plain, "origin": origin, "version": "1.0.0"}]
        text = written(bare(lock.environment), map(bare, lock.plugins), tables, map(bare, lock.dependencies))
        lock.file.write_text(text)
        done = changing.finery("install", "--locked")
        assert done.returncode == 2
        assert said in done.stdout + done.stderr


def test_a_hash_is_known_from_a_folder_of_wheels_that_holds_the_very_files(changing: Place, wheels: Path) -> None:
    by_name = ["install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", "--find-links", str(wheels)]
    Pip(changing.python).run(*by_name, "acme-short==1.0.0")
    forged = changing.folder / "forged"
    SOUND.but(code=SOUND.code.replace("= 3", "= 4")).wheel(forged)
    found = {}
    for folder in (forged, wheels):
        done = changing.finery("lock", "--from-wheels", str(folder))
        assert done.returncode == 0, done.stderr
        found[folder] = read_lock(changing.folder / NAME).distributions[0].get("sha256")
    assert found == {forged: None, wheels: hashlib.sha256((wheels / SOUND.file).read_bytes()).hexdigest()}


def test_an_index_knows_the_wheels_that_it_lists(wheels: Path, tmp_path: Path) -> None:
    SOUND.listed(tmp_path, wheels / SOUND.file)
    ask = known([str(tmp_path)])
    sha256 = hashlib.sha256((wheels / SOUND.file).read_bytes()).hexdigest()
    assert ask("acme-short", "1.0.0") == {"wheel": SOUND.file, "sha256": sha256, "from": "an index"}
    assert ask("acme-short", "1.1.0") == ask("nobody", "1.0.0") == {}
