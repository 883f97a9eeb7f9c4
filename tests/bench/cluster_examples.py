"""The examples on a cluster of two nodes against this machine alone: every output, decision and loss, byte for byte.

    python tests/bench/cluster_examples.py            # curate, and the ladder made small
    python tests/bench/cluster_examples.py curate
    python tests/bench/cluster_examples.py ladder --full
    python tests/bench/cluster_examples.py --bucket   # its nodes share an S3 server of this machine, and no folder

A cluster of two nodes is started, and ended; each says that it has the two CPUs that a training holds. Parquet counts
by its bytes, JSON without seconds and fingerprints; a checkpoint's weights by their bytes; losses and all other metrics
of the lineage to the last bit, but for how long a training took and what it held.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "e2e")]

from buckets import pull, serving  # noqa: E402
from clusters import running  # noqa: E402
from figures import print_machine  # noqa: E402
from places import COMMAND, digests  # noqa: E402
from test_ladder import SMALL  # noqa: E402

from finery.lineage.store import reading  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "examples"
DECIDED = (
    "select stage, record, reason, value, bound, other from decisions join artifacts using (artifact) order by all"
)

# How long it took and what it held is another on every run.
MEASURED = """
select stage, name, step, source, value from metrics join artifacts using (artifact)
where name not like '%second%' and name <> 'peak_bytes' order by all
"""


def copied(example: str, folder: Path, *options: str) -> Path:
    """An example with its data."""
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns(".finery", "data", "__pycache__"))
    subprocess.run([sys.executable, "corpus.py", "data", *options], cwd=folder, check=True, capture_output=True)
    return folder


def run(folder: Path, *settings: str) -> dict[str, Any]:
    """Run its pipeline; the report."""
    words = [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run([COMMAND, "run", "--json", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def asked(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query to the lineage."""
    with reading(folder / ".finery") as connection:
        return list(connection.execute(query).fetchall())


def compare(name: str, folder: Path, settings: tuple[str, ...], data: tuple[str, ...], store: str = "") -> bool:
    """Run an example here and there, and print what is equal; whether all is. With a store, what it has is fetched."""
    seconds = {}
    with running(folder / "cluster", cpus=2, jobs=False) as cluster:
        there = ("run.executor=ray", f"run.address={cluster.address}", *([f"run.store={store}"] if store else []))
        for place, own in (("here", ("run.workers=1",)), ("there", there)):
            copied(name, folder / place, *data)
            started = time.perf_counter()
            run(folder / place, *settings, *own)
            seconds[place] = time.perf_counter() - started
    if store:
        pull(folder / "there" / ".finery", store)
    files, theirs = (left(folder / place / ".finery") for place in ("here", "there"))
    differ = sorted(file for file in files.keys() | theirs.keys() if files.get(file) != theirs.get(file))
    equal = [f"{name}: {len(files) - len(differ)} of {len(files)} files equal"]
    for word, query in (("decisions", DECIDED), ("metrics", MEASURED)):
        own, others = (asked(folder / place, query) for place in ("here", "there"))
        differ += [word] if own != others else []
        equal.append(f"{len(own):,} {word} {'equal' if own == others else 'differ'}")
    print(", ".join(equal), f"({seconds['here']:.0f} s here, {seconds['there']:.0f} s there)")
    for one in differ:
        print(f"  {'is not there' if one in files and one not in theirs else 'differs'}: {one}")
    return not differ


def left(root: Path) -> dict[str, str]:
    """A digest of every file of every artifact; metrics hold times, and are asked for of the lineage."""
    return {name: found for name, found in digests(root).items() if "/metrics-" not in name}


def main() -> None:
    """Each example in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", default=["curate", "ladder"])
    parser.add_argument("--full", action="store_true", help="the ladder at its own size: hours on two cores")
    parser.add_argument("--bucket", action="store_true", help="a store between the nodes")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    print_machine()
    equal: list[bool] = []
    small = {} if given.full else {"ladder": (SMALL, ("--size", "0.1"))}
    with tempfile.TemporaryDirectory(prefix="examples-") as folder:
        for name in given.examples:
            with serving(name) if given.bucket else contextlib.nullcontext("") as store:
                equal.append(compare(name, Path(folder) / name, *small.get(name, ((), ())), store))
    sys.exit(not all(equal))


if __name__ == "__main__":
    main()
