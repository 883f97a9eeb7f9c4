"""How quickly the light verbs answer: median wall time of whole processes, beside a bare Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import print_machine

ROUNDS = 15
FINERY = str(Path(sys.executable).parent / "finery")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "finery --help": [FINERY, "--help"],
    "finery plugins list": [FINERY, "plugins", "list"],
}


def median_ms(command: list[str]) -> float:
    """Median milliseconds of a command, after one call to warm the disk cache."""
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:]) * 1000


def main() -> None:
    """Measure and print."""
    print_machine()
    for name, command in COMMANDS.items():
        print(f"{name:<22} {median_ms(command):6.0f} ms")


if __name__ == "__main__":
    main()
