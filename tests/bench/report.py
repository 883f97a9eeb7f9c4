"""How large a report is and how soon it opens, on a lineage of a million decisions.

A pipeline runs over real documents; then ten stages with a tenth of the decisions each are put behind it, six reasons
and a measure in each, with a million losses. Prints what `finery report` takes, the file's size, and the seconds until
headless Chromium has loaded it and drawn what the first screen shows, where there is one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import print_machine
from lineage import write_documents

from finery.config import read_pipeline
from finery.lineage.store import writing
from finery.run import run_pipeline

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))

from browser import CHROMIUM, browser

DECISIONS = """
insert into decisions
select $artifact, record,
    ['few-words', 'many-symbols', 'repeated', 'bullets', 'language', 'other'][1 + (h % 6)::int],
    (h // 6 % 1000) / 10.0, 100.0, null, 'measured over the whole text'
from (select md5((i * 10 + $n)::varchar)::uuid as record, hash(i * 10 + $n) as h from range($count) t(i))
order by record
"""
LOSSES = """
insert into losses select 'artifact-9', md5((i * 10 + 3)::varchar)::uuid, 1, (hash(i) % 10000) / 1000.0, 100
from range($count) t(i) order by 2
"""


def fill(root: Path, decisions: int) -> None:
    """Ten stages more in the last run."""
    with writing(root) as connection:
        (run,) = connection.execute("select max(run) from runs").fetchone() or ("",)
        for number in range(10):
            artifact, count = f"artifact-{number}", decisions // 10
            connection.execute(DECISIONS, {"artifact": artifact, "n": number, "count": count})
            hook = "train" if number == 9 else "evaluate"  # stages that leave no records of which a file would tell
            stage = [run, 100 + number, f"stage-{number}", hook, "length", "finery", artifact]
            connection.execute("insert into stages values (?, ?, ?, ?, ?, ?, ?, false, '', true)", stage)
            known = [artifact, f"stage-{number}", hook, "length", "finery"]
            parts = '{"model": {"fingerprint": "f00d"}}'
            connection.execute("insert into artifacts values (?, ?, ?, ?, ?, '{}', 0, ?)", [*known, parts])
            fates = {"in": 20 * count, "kept": 19 * count, "dropped": count, "merged": 0, "failed": 0, "born": 0}
            told = [[artifact, "documents", "fate", name, value] for name, value in fates.items()]
            told += [[artifact, "documents", "reason", name, count // 6] for name in ("few-words", "other", "bullets")]
            connection.executemany("insert into tallies values (?, ?, ?, ?, ?)", told)
        connection.execute(LOSSES, {"count": decisions})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder, told.documents)
        run_pipeline(read_pipeline(folder / "pipeline.toml"), folder / ".finery")
        fill(folder / ".finery", told.decisions)
        place = folder / "report.html"
        before, started = os.times(), time.perf_counter()
        command = [str(Path(sys.executable).parent / "finery"), "report", "--to", str(place)]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
        seconds, after = time.perf_counter() - started, os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"{told.decisions:,} decisions: {seconds:.1f} s, {spent:.1f} CPU s, {place.stat().st_size / 1e6:.2f} MB")
        if CHROMIUM.exists():
            with browser() as tab:
                opened = [tab.open(place.as_uri(), width) for width in (390, 1440) for _ in range(told.rounds)]
            print(f"opens in {statistics.median(opened):.2f} s (median of {len(opened)}, from {min(opened):.2f} on)")


if __name__ == "__main__":
    main()
