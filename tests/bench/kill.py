"""Kill a run, its driver or one of its workers, at random moments; run again; compare with an undisturbed run.

    python tests/bench/kill.py [--kills 20] [--megabytes 50] [--seed 1] [--workers 2]

Prints a row a kill: who was killed, when, how many shards and units were finished when the run had ended (a killed
worker is replaced, and its run goes on to the end), how many of these the second run did again (none, it must be),
how many processes were left, and whether the bytes of all artifacts are those of the undisturbed run.
"""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from places import Place, conserve, copied, digests, ended, new_place
from processes import kill, session, until, workers
from test_kill import entries, whole

PIPELINE = """
[[source]]
name = "a"
path = "a/*.jsonl"
[[source]]
name = "b"
path = "b/*.jsonl"
[[stage]]
id = "short"
filter = "length"
min_words = 5
[[stage]]
id = "slow"
score = "tiny:Words"
[[stage]]
id = "keys"
dedupe = "exact"
[[stage]]
dedupe = "minhash"
[[stage]]
mix = "tiny:Epochs"
epochs = { a = 0.7, b = 1.5 }
[[stage]]
id = "lines"
format = "tiny:Lines"
[[stage]]
id = "again"
format = "split"
"""
"""The stage ids are those that `test_kill.whole` knows the passes by."""


def write_input(place: Place, megabytes: float, seed: int) -> None:
    """Two sources of made-up text, a tenth of it repeated."""
    draw = random.Random(seed)
    words = [f"{draw.randrange(36**4):x}" for _ in range(20_000)]
    for source in "ab":
        for number in range(8):
            rows: list[str] = []
            size = 0
            while size < megabytes * 1e6 / 16:
                again = rows and draw.random() < 0.1
                text = draw.choice(rows) if again else "\n".join(" ".join(draw.choices(words, k=40)) for _ in range(5))
                rows.append(text)
                size += len(text) + 15
            place.jsonl(f"{source}/{number}.jsonl", [{"text": text} for text in rows])


def run(place: Place, count: int) -> float:
    """Run to the end; seconds."""
    started = time.perf_counter()
    outcome = ended(place.start("--workers", str(count)))
    if outcome.code:
        raise SystemExit(f"the run failed: {outcome}")
    return time.perf_counter() - started


def disturbed(place: Place, count: int, victim: str, moment: float) -> tuple[bool, int]:
    """Run, and kill after so many seconds; whether there was someone to kill, and processes that were left."""
    process = place.start("--workers", str(count))
    until(lambda: (place.root / "lock").exists())
    time.sleep(moment)
    if victim == "worker":
        until(lambda: bool(workers(process.pid)) or process.poll() is not None)
    found = [process.pid] if victim == "driver" else workers(process.pid)
    hit = process.poll() is None and bool(found) and kill(random.Random(moment).choice(found))
    ended(process)
    until(lambda: not session(process.pid), 10)
    return hit, len(session(process.pid))


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain = new_place(Path(folder) / "plain")
        write_input(plain, told.megabytes, told.seed)
        plain.pipeline(PIPELINE)
        seconds = run(plain, told.workers)
        conserve(plain)
        size = sum(path.stat().st_size for path in plain.folder.glob("?/*.jsonl")) / 1e6
        print(
            f"{size:.0f} MB, {told.workers} workers, {seconds:.1f} s undisturbed, Python {platform.python_version()}\n"
        )
        print("| kill | victim | after s | finished | done again | left over | equal |")
        print("| ---: | --- | ---: | ---: | ---: | ---: | --- |", flush=True)
        draw = random.Random(told.seed)
        rows = [trial(plain, told.workers, number, draw.uniform(0, seconds * 0.9)) for number in range(told.kills)]
    print(f"\n{sum(rows)} of {len(rows)} as if nothing had happened")
    sys.exit(not all(rows))


def trial(plain: Place, count: int, number: int, moment: float) -> bool:
    """One kill and what came of it; whether all is as it should be."""
    victim = "driver" if number % 2 else "worker"
    place = copied(plain, plain.folder.parent / f"trial-{number}")
    hit, left = disturbed(place, count, victim, moment)
    if not hit:  # it had finished: once more, and earlier
        shutil.rmtree(place.folder)
        return trial(plain, count, number, moment / 2)
    done = entries(place.root)
    run(place, count)
    after = entries(place.root)
    again = [name for name, when in whole(done, place).items() if after[name] != when]
    differ = sorted({name for name, _ in digests(place.root).items() ^ digests(plain.root).items()})
    conserve(place)
    shutil.rmtree(place.folder)
    told = ", ".join(differ) or "yes"
    print(f"| {number + 1} | {victim} | {moment:.2f} | {len(done)} | {len(again)} | {left} | {told} |", flush=True)
    return not (differ or again or left)


if __name__ == "__main__":
    main()
