"""Driver or worker killed, or interrupted, at any moment: run again, and it is as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from places import Place, conserve, copied, digests, ended, new_place
from processes import kill, session, until, workers

DRIVE = Path(__file__).with_name("drive.py")
PIPELINE = """
[[source]]
name = "a"
path = "a/*.jsonl"
[[source]]
name = "b"
path = "b/*.jsonl"
[[stage]]
filter = "tiny:Short"
[[stage]]
score = "tiny:Slow"
seconds = 0.02
[[stage]]
dedupe = "tiny:Keys"
[[stage]]
mix = "tiny:Epochs"
epochs = { a = 1.5 }
[[stage]]
format = "tiny:Lines"
[[stage]]
id = "again"
score = "tiny:Slow"
seconds = 0.02
"""
PASSES = (("short", "slow", "keys"), ("lines", "again"))
SECONDS = 1.8
"""About as long as an undisturbed run takes."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An undisturbed run of some twenty shards."""
    place = new_place(tmp_path_factory.mktemp("kill") / "plain")
    draw = random.Random(1)
    for source in "ab":
        for number in range(10):
            words = [f"{draw.randrange(90000)} {draw.randrange(90000)}\n{number}" for _ in range(500)]
            place.jsonl(f"{source}/{number}.jsonl", [{"text": text} for text in words])
    place.pipeline(PIPELINE)
    assert ended(place.start("--workers", "2", script=DRIVE)).code == 0
    conserve(place)
    assert len(place.manifests()["slow"]["shards"]) == 20
    return place


def entries(root: Path) -> dict[str, int]:
    """When each shard and unit was finished."""
    found = [*root.glob("artifacts/*/shard-*.json"), *root.glob("artifacts/*/unit-*.json")]
    times: dict[str, int] = {}
    for path in found:
        with contextlib.suppress(FileNotFoundError):  # a stage was finished meanwhile, and its folder renamed
            times[f"{path.parent.name.removesuffix('.partial')}/{path.name}"] = path.stat().st_mtime_ns
    return times


def whole(done: dict[str, int], place: Place) -> dict[str, int]:
    """Those of them that count as finished: a shard through all stages of a pass, and a unit that was read."""
    names = {stage["id"]: stage["artifact"] for stage in place.record()["stages"]}
    found = {name: time for name, time in done.items() if "/unit-" in name}
    for stages in PASSES:
        for name, when in done.items():
            artifact, _, shard = name.partition("/")
            if artifact in {names[s] for s in stages} and all(f"{names[s]}/{shard}" in done for s in stages):
                found[name] = when
    return found


def check_second_run(place: Place, plain: Place) -> None:
    """Run again: the same bytes, and nothing that was finished is done again."""
    done = entries(place.root)
    assert ended(place.start("--workers", "2", script=DRIVE)).code == 0
    assert digests(place.root) == digests(plain.root)
    after = entries(place.root)
    assert [name for name, when in whole(done, place).items() if after[name] != when] == []
    conserve(place)


@pytest.mark.parametrize("number", range(3))
def test_a_killed_driver_leaves_its_finished_shards_to_the_next_run(plain: Place, tmp_path: Path, number: int) -> None:
    place = copied(plain, tmp_path / "p")
    process = place.start("--workers", "2", script=DRIVE)
    assert until((place.root / "lock").exists)
    time.sleep(random.Random(number).uniform(0.1, SECONDS * 0.9))
    kill(process.pid)
    ended(process)
    assert until(lambda: not session(process.pid)), session(process.pid)
    check_second_run(place, plain)


def test_a_killed_worker_does_not_stop_the_run(plain: Place, tmp_path: Path) -> None:
    place = copied(plain, tmp_path / "p")
    process = place.start("--workers", "2", script=DRIVE)
    for pause in (0.0, 0.7):
        assert until(lambda: bool(workers(process.pid)))
        time.sleep(pause)
        assert kill(workers(process.pid)[0])
        assert until(lambda: len(workers(process.pid)) == 2)
    assert ended(process).code == 0
    assert digests(place.root) == digests(plain.root)
    assert until(lambda: not session(process.pid))
    conserve(place)


@pytest.mark.parametrize("finished", [0, 15, 45, 75])
def test_ctrl_c_is_one_line_and_the_next_run_goes_on(plain: Place, tmp_path: Path, finished: int) -> None:
    place = copied(plain, tmp_path / "p")
    process = place.start("--workers", "2", script=DRIVE)
    assert until(lambda: any(place.root.glob("runs/*.json")) and len(entries(place.root)) >= finished)
    time.sleep(random.Random(finished).uniform(0.0, 0.05))
    os.killpg(process.pid, signal.SIGINT)
    outcome = ended(process)
    message = "interrupted: run the same command again to go on; finished shards are kept"
    assert (outcome.code, outcome.out, outcome.err.strip()) == (130, "", message)
    assert until(lambda: not session(process.pid)), session(process.pid)
    assert place.record()["status"] == "interrupted"
    check_second_run(place, plain)


def test_an_interrupted_run_says_how_many_shards_are_taken_over(plain: Place, tmp_path: Path) -> None:
    place = copied(plain, tmp_path / "p")
    slow = place.root / "artifacts" / f"{plain.plan()['slow']['fingerprint']}.partial"
    process = place.start("--workers", "2", script=DRIVE)
    assert until(lambda: len(list(slow.glob("shard-*.json"))) >= 3)
    kill(process.pid)
    ended(process)
    assert until(lambda: not session(process.pid))
    finished = len(list(slow.glob("shard-*.json")))
    assert place.plan()["slow"]["why"] == f"was interrupted; {finished} finished shards are taken over"
    check_second_run(place, plain)
