"""How quickly `plugins list` and `search` answer with 300 entries and 50 installed plugins: whole processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import print_machine

from finery_registry.index import BUNDLED
from finery_registry.trial import made, purelib

ROUNDS = 15
ENTRIES, INSTALLED = 300, 50
LIMIT_MS = 250
CODE = "from finery.cli.main import main; main()"


def entries(folder: Path) -> None:
    """An index of copies of the example's entry, each by a name of its own."""
    folder.mkdir()
    text = (BUNDLED / "acme-letters.toml").read_text(encoding="utf-8")
    for number in range(ENTRIES):
        own = text.replace("acme-letters", f"acme-{number}").replace('"letters"', f'"letters-{number}"')
        (folder / f"acme-{number}.toml").write_text(own, encoding="utf-8")


def distributions(folder: Path) -> None:
    """Metadata of distributions with one plugin each, as pip leaves it."""
    for number in range(INSTALLED):
        info = folder / f"acme_{number}-1.0.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme-{number}\nVersion: 1.0.0\n")
        (info / "entry_points.txt").write_text(f"[finery.filter]\nletters-{number} = acme_{number}:Letters\n")


def milliseconds(command: list[str], environment: dict[str, str]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Measure and print: the first call, which reads every entry, and the median of the calls after it."""
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries(folder / "index")
        python = made(folder / "env")
        distributions(purelib(python))
        said = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "FINERY_INDEX": str(folder / "index")}
        said["FINERY_CONFIG"] = str(folder / "none.toml")
        bare = statistics.median(milliseconds([python, "-c", "pass"], said) for _ in range(ROUNDS))
        print(f"{ENTRIES} entries, {INSTALLED} distributions with a plugin; limit {LIMIT_MS} ms")
        print(f"{'python -c pass':<26} {bare:6.0f} ms")
        for words in (["plugins", "search", "letters-7"], ["plugins", "search", "letters"], ["plugins", "list"]):
            command = [python, "-c", CODE, *words]
            first = milliseconds(command, said)
            later = sorted(milliseconds(command, said) for _ in range(ROUNDS))
            middle = statistics.median(later)
            before = os.times()
            milliseconds(command, said)
            after = os.times()
            cpu = (after.children_user + after.children_system - before.children_user - before.children_system) * 1000
            told = f"{middle:6.0f} ms (least {later[0]:.0f}, first {first:.0f}; CPU {cpu:.0f}); {middle / bare:.1f}x"
            print(f"{' '.join(words):<26} {told}")


if __name__ == "__main__":
    sys.exit(main())
