"""Processes of a run: who they are, and how to kill them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def session(leader: int) -> dict[int, str]:
    """Every living process of a run and its command line, by the session that the run was started in."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, sid = folder.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            if int(sid) == leader and state != "Z":
                found[int(folder.name)] = folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def workers(leader: int) -> list[int]:
    """The worker processes of a run."""
    return [pid for pid, line in session(leader).items() if "spawn_main" in line]


def kill(process: int) -> bool:
    """`kill -9`; whether there was such a process."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def until(reached: Callable[[], bool], seconds: float = 300.0) -> bool:
    """Wait for something; whether it came. It takes long only where it does not come, or where the machine is busy.

    A folder that is gone between being listed and being looked into has not what was asked for.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            if reached():
                return True
        time.sleep(0.005)
    return False
