"""A work folder that is locked, full, damaged or not writable: one line says so, and the next run goes on."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place, conserve, digests, ended
from processes import kill, until

PIPELINE = """
[[source]]
name = "a"
path = "a.jsonl"
[[stage]]
filter = "tiny:Short"
[[stage]]
format = "tiny:Lines"
[[stage]]
dedupe = "exact"
"""


@pytest.fixture
def ready(place: Place) -> Place:
    """A folder with input and a pipeline."""
    place.jsonl("a.jsonl", [{"text": f"line {number}\nline again {number % 10}"} for number in range(100)])
    place.pipeline(PIPELINE)
    return place


@pytest.fixture
def ran(ready: Place) -> Place:
    """A finished run."""
    ready.good()
    return ready


def test_a_file_where_the_work_folder_should_be(ready: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(ready.folder / "a.jsonl"))
    outcome = ready.run()
    assert outcome.code == 1
    assert outcome.err.strip() == (
        f"{ready.folder}/a.jsonl: the work folder cannot be written (File exists): "
        "choose another with FINERY_HOME=<folder>"
    )
    monkeypatch.undo()
    ready.good()


def test_a_work_folder_below_a_file(ready: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(ready.folder / "a.jsonl/work"))
    outcome = ready.run()
    assert outcome.code == 1
    assert "the work folder cannot be written (Not a directory): choose another" in outcome.err


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small tmpfs; skips where mounting is not allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(ready: Place, mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(mounted))
    draw = random.Random(3)
    rows = [{"text": draw.randbytes(500).hex()} for _ in range(6000)]
    ready.jsonl("a.jsonl", rows)
    outcome = ready.run()
    assert outcome.code == 1
    fault = f"{mounted}: no space left on the disk: free some and run again: finished shards are kept"
    assert outcome.err.strip() == fault
    ready.jsonl("a.jsonl", rows[:500])
    shutil.rmtree(mounted / "artifacts")
    assert ready.run().code == 0


def test_a_read_only_disk(ready: Place, mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(mounted / "work"))
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    outcome = ready.run()
    assert outcome.code == 1
    assert "the work folder cannot be written (Read-only file system): choose another" in outcome.err


def test_a_disk_that_becomes_read_only(ran: Place, mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINERY_HOME", str(mounted))
    assert ran.run().code == 0
    (mounted / "lock").unlink()
    (mounted / "lock").mkdir()
    outcome = ran.run()
    assert outcome.code == 1
    assert "the work folder cannot be written (Is a directory)" in outcome.err


def test_a_second_run_at_the_same_time(ready: Place) -> None:
    text = PIPELINE.replace('filter = "tiny:Short"', 'score = "tiny:Slow"\nseconds = 30')
    ready.pipeline(text)
    process = ready.start()
    assert until(lambda: (ready.root / "lock").exists() and (ready.root / "lock").read_text() != "")
    outcome = ready.run()
    kill(process.pid)
    ended(process)
    assert outcome.code == 1
    assert outcome.err.strip() == (
        f"{ready.root}: another run (process {process.pid}) works in this folder: "
        "wait for it, or choose another folder with FINERY_HOME=<folder>"
    )
    ready.pipeline(PIPELINE)
    ready.good()


@pytest.mark.parametrize("content", ["", "{", "null", "[]", "{}", '{"fingerprint": "other"}'])
def test_a_damaged_manifest(ran: Place, content: str) -> None:
    artifact = ran.root / "artifacts" / ran.manifests()["lines"]["fingerprint"]
    before = digests(ran.root)
    (artifact / "manifest.json").write_text(content)
    outcome = ran.run()
    assert outcome.code == 1
    assert outcome.err.startswith(f"{artifact}/manifest.json: is damaged (")
    assert outcome.err.strip().endswith(f": remove the folder {artifact} and run again")
    shutil.rmtree(artifact)
    ran.good()
    assert digests(ran.root) == before


def test_a_manifest_that_was_taken_away(ran: Place) -> None:
    before = digests(ran.root)
    (ran.root / "artifacts" / ran.manifests()["lines"]["fingerprint"] / "manifest.json").unlink()
    ran.good()
    assert digests(ran.root) == before


@pytest.mark.parametrize("damage", ["cut", "gone", "garbage"])
def test_a_damaged_data_file(ran: Place, damage: str) -> None:
    [file] = (ran.root / "artifacts" / ran.manifests()["read-a"]["fingerprint"]).glob("data-*.parquet")
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[:100] if damage == "cut" else b"x" * len(content))
    outcome = ran.run("--set", "short.minimum=4")
    assert outcome.code == 1
    assert outcome.err.startswith(f"{file}: is damaged (")
    assert outcome.err.strip().endswith(f": remove the folder {file.parent} and run again")
    shutil.rmtree(file.parent)
    ran.good("--set", "short.minimum=4")


@pytest.mark.parametrize("content", [b"x" * 20_000, b"", b"DUCK"])
def test_a_damaged_lineage(ran: Place, content: bytes) -> None:
    database = ran.root / "lineage.duckdb"
    database.write_bytes(content)
    outcome = ran.run()
    if outcome.code:
        assert outcome.err.startswith(f"{database}: cannot be opened (")
        assert outcome.err.strip().endswith(": move the file away: the next run rebuilds it from the artifacts")
        database.unlink()
    ran.good()
    assert "exact" in ran.call("plan").out


def test_a_lost_lineage_is_rebuilt(ran: Place) -> None:
    from finery.lineage.store import reading

    query = "select d.* from decisions d order by all"
    with reading(ran.root) as connection:
        before = connection.execute(query).fetchall()
    (ran.root / "lineage.duckdb").unlink()
    with reading(ran.root) as connection:
        assert connection.execute(query).fetchall() == before
        assert connection.execute("select count(*) from runs").fetchone() == (1,)
    assert before


@pytest.mark.parametrize("file", ["inputs.json", "runs"])
def test_a_damaged_note_is_passed_over(ran: Place, file: str) -> None:
    path = ran.root / file if file != "runs" else next((ran.root / "runs").iterdir())
    path.write_text('{"half')
    ran.good()
    conserve(ran)


def test_the_input_changes_while_it_is_read(ready: Place) -> None:
    ready.write(
        "grow.py",
        "from pathlib import Path\nfrom finery import hookimpl, plugin\n\n\n@plugin\nclass Grow:\n    @hookimpl\n"
        "    def stage_started(self, stage):\n        if stage.id == 'read-a':\n"
        f"            with Path({str(ready.folder / 'a.jsonl')!r}).open('a') as file:\n"
        '                file.write(\'{"text": "one more"}\\n\')\n',
    )
    ready.pipeline(PIPELINE + '[[observer]]\nuse = "grow:Grow"\n')
    outcome = ready.run()
    ready.pipeline(PIPELINE)
    ready.good()
    assert outcome.code == 1
    assert "'a.jsonl' changed while it was read" in outcome.err
