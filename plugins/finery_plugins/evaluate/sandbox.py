"""Runs Python that a model wrote: in a process of its own, with limits, in an empty folder, without a network.

The process has no network where the system lets it leave its network behind (Linux with user namespaces); `isolated` in
the outcome says whether it did. It is no prison: run code of models you distrust in a machine you can lose.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

LAUNCHER = """
import ctypes, os, resource, sys
token = sys.stdin.readline().strip()
sys.stdin.close()
seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
isolated = False
if sys.platform == "linux":
    isolated = ctypes.CDLL(None, use_errno=True).unshare(0x10000000 | 0x40000000) == 0
def limit(kind, value):
    try:
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        pass
limit(resource.RLIMIT_CPU, seconds)
if sys.platform == "linux":
    limit(resource.RLIMIT_AS, megabytes << 20)
limit(resource.RLIMIT_FSIZE, 1 << 20)
limit(resource.RLIMIT_NOFILE, 32)
limit(resource.RLIMIT_CORE, 0)
limit(resource.RLIMIT_NPROC, 0)
with open("program.py", encoding="utf-8") as file:
    program = file.read()
report = os.dup(3)
os.close(3)
space = {"__name__": "__main__"}
exec(compile(program, "program.py", "exec"), space)
os.write(report, (token + (" isolated" if isolated else "")).encode())
"""
"""Limits the process that it runs in, then runs `program.py`; what it was told on standard input, it says when the
program has run to its end. A program that exits early has not passed."""

SHOWN = 500
"""Characters of what a program says that are kept."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    passed: bool
    said: str
    """The end of what it wrote, or why it was stopped."""
    isolated: bool = False
    """Whether it had no network."""


def run(program: str, seconds: float = 5.0, megabytes: int = 512) -> Outcome:
    """Run a program to its end, for so many seconds and with so much address space at most."""
    token = secrets.token_hex(16)
    with TemporaryDirectory(prefix="finery-code-") as name:
        folder = Path(name)
        (folder / "program.py").write_text(program, encoding="utf-8", errors="replace")
        reads, writes = os.pipe()
        os.set_blocking(reads, False)  # what the program started may hold the other end for good
        with os.fdopen(reads, "rb") as report, (folder / "said").open("wb") as said:
            finished = launched(folder, said.fileno(), writes, (token, seconds, megabytes))
            told = (report.read(200) or b"").decode("ascii", "replace") if finished else ""
        tail = (folder / "said").read_bytes()[-4 * SHOWN :].decode("utf-8", "replace")[-SHOWN:]
    if not finished:
        return Outcome(False, f"stopped after {seconds:g} seconds")
    return Outcome(told.startswith(token), tail.strip(), told.endswith("isolated"))


def launched(folder: Path, said: int, report: int, given: tuple[str, float, int]) -> bool:
    """Whether the program ended in time; it and what it started are gone afterwards."""
    token, seconds, megabytes = given
    command = [sys.executable, "-I", "-c", fed(report), str(int(seconds) + 1), str(megabytes)]
    try:
        process = subprocess.Popen(  # noqa: S603 - running the model's program is the purpose
            command,
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            pass_fds=(report,),
            start_new_session=True,
        )
    finally:
        os.close(report)
    try:
        process.communicate(f"{token}\n".encode(), timeout=seconds)
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        swept(process)


def fed(report: int) -> str:
    """The launcher, with the pipe that it reports to in place 3."""
    return f"import os\nos.dup2({report}, 3)\n{report} == 3 or os.close({report})\n{LAUNCHER}"


def environment(folder: Path) -> dict[str, str]:
    """What the program may know of its surroundings."""
    return {"PATH": "", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


def swept(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def joined(parts: Sequence[str]) -> str:
    """Parts of a program, a line between them."""
    return "\n\n".join(part for part in parts if part.strip())
