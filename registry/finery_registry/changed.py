"""What the workflow runs: every entry that differs from a commit, verified on the wheel of its newest release.

`python -m finery_registry.changed COMMIT` runs in a checkout; it leaves with 1 where an entry has faults.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from finery import FineryError
from finery_registry.index import INSIDE
from finery_registry.indexes import read_indexes
from finery_registry.install import obtained
from finery_registry.pip import Pip
from finery_registry.verify import read_listing, verify


def changed(commit: str, folder: Path) -> list[Path]:
    """The entries of a checkout that were added or changed since a commit."""
    command = ["git", "diff", "--name-only", "--diff-filter=d", "-z", commit, "--", f"{INSIDE[1]}/*.toml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - no shell
    return [folder / name for name in done.stdout.split("\0") if name]


def faults_of(entry: Path, folder: Path) -> list[str]:
    """What speaks against an entry: its own faults, or those of the wheel of its newest release."""
    try:
        listing = read_listing(entry)
        release = listing.newest()
        if release is None:
            return []
        with tempfile.TemporaryDirectory() as place:
            wheel = obtained(listing, release, Pip(sys.executable), Path(place))
            verdict = verify(entry, wheel.path, read_indexes([str(folder)]))
    except FineryError as error:
        return [str(error)]
    return [str(fault) for fault in verdict.faults]


def main(commit: str) -> int:
    """Verify all; the exit code."""
    wrong = 0
    for entry in changed(commit, Path.cwd()):
        faults = faults_of(entry, Path.cwd())
        click.echo(f"{entry.name}: {'verified' if not faults else f'{len(faults)} faults'}")
        for fault in faults:
            click.echo(f"  {fault}")
        wrong += bool(faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
