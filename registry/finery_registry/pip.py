"""pip, found and called: on the environment of any Python, also one that holds no pip, as uv makes them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import FineryError, UsageError

SECONDS = 1800
"""How long pip may take: torch is a gigabyte."""


@dataclass(frozen=True)
class Pip:
    """pip for one environment, and where it takes wheels from."""

    python: str
    wheels: Path | None = None
    """A folder to take everything from, without network; None for pip's own index."""

    def run(self, *arguments: str) -> str:
        """What pip printed. Raises FineryError with pip's own errors where it fails."""
        command = [*pip_for(self.python), *arguments]
        # Options in the environment or in pip.conf could undo those given here, such as with another index.
        settings = {k: v for k, v in os.environ.items() if k not in ("PIP_NO_DEPS", "PIP_TARGET", "PIP_PREFIX")}
        settings |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONSAFEPATH": "1"}
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
                command, capture_output=True, text=True, timeout=SECONDS, check=False, env=settings
            )
        except subprocess.TimeoutExpired:
            raise FineryError.at("pip", f"has not ended after {SECONDS} seconds", "is its index there?") from None
        if done.returncode:
            raise FineryError.at("pip", told(f"{done.stdout}\n{done.stderr}"), "nothing is changed")
        return done.stdout

    @property
    def source(self) -> list[str]:
        """Where wheels come from."""
        return ["--no-index", "--find-links", str(self.wheels)] if self.wheels else []

    def resolve(self, wheel: Path, pins: Sequence[str]) -> list[dict[str, Any]]:
        """What would be installed for a wheel: pip's report, one table a distribution. Nothing is changed."""
        with tempfile.TemporaryDirectory() as folder:
            pinned = Path(folder) / "pins.txt"
            pinned.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
            report = Path(folder) / "report.json"
            asked = ["--dry-run", "--report", str(report), "--only-binary", ":all:", "-c", str(pinned)]
            self.run("install", *asked, *self.source, str(wheel))
            found: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
        return found

    def install(self, requirements: Sequence[str], also: Path, again: bool = False) -> None:
        """Install exactly these wheels, each with its hash; `also` is a folder that holds some of them."""
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
            strict = ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--quiet", "--find-links", str(also)]
            forced = ["--force-reinstall"] if again else []
            self.run("install", *strict, *forced, *self.source, "-r", str(wanted))

    def download(self, requirement: str, digest: str, folder: Path) -> None:
        """Fetch one wheel, which must have a hash, into a folder."""
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{requirement} --hash=sha256:{digest}\n", encoding="utf-8")
        strict = ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--quiet", "--dest", str(folder)]
        self.run("download", *strict, *self.source, "-r", str(wanted))

    def remove(self, names: Sequence[str]) -> None:
        """Take distributions away."""
        self.run("uninstall", "--yes", "--quiet", *names)


def pip_for(python: str) -> list[str]:
    """The command that runs pip on an environment. Raises UsageError where this machine has no pip at all."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--python", python]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found, "--python", python]
    bundled = importlib.util.find_spec("ensurepip")
    wheels = sorted((Path(str(bundled.origin)).parent / "_bundled").glob("pip-*.whl")) if bundled else []
    if not wheels:
        raise UsageError.at("pip", "is not there", "install pip beside Finery; it is told to work on any environment")
    return [sys.executable, str(wheels[-1] / "pip"), "--python", python]


def told(output: str) -> str:
    """pip's own errors, on one line, with what they are caused by."""
    causes = re.findall(r"^ {4}(\S.*(?: depends on |requested ).*)$", output, re.M)
    lines = [line.removeprefix("ERROR: ").strip() for line in output.splitlines() if line.startswith("ERROR: ")]
    return (
        " ".join([*lines, *causes] or [line.strip() for line in output.splitlines() if line.strip()][-1:]) or "failed"
    )
