"""What every benchmark prints first: machine and versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata


def print_machine() -> None:
    """One line on the processor, one on the versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("finery", "pyarrow", "duckdb", "numpy"))
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}")
    print(versions)
