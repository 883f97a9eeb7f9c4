"""A wheel tried in a fresh environment that has no network: imported under watch, then held against conformance."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery import Fault, FineryError
from finery_registry.admission import Candidate
from finery_registry.environment import Environment
from finery_registry.pip import Pip

SECONDS = 1200
"""How long a plugin's conformance may take; ours take seconds, those that import torch a minute."""
UNSHARE = ("unshare", "--map-root-user", "--net")

# A line of a .pth file runs in every Python of the environment, also in those that the kit starts.
OFFLINE = """
import sys
def _refuse(event, arguments, _names=("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")):
    if event in _names:
        raise PermissionError(event + ": no network while a plugin is checked")
sys.addaudithook(_refuse)
"""


@dataclass(frozen=True)
class Trial:
    """What came out."""

    faults: tuple[Fault, ...]
    pages: tuple[Mapping[str, Any], ...]
    """What each plugin says of itself."""
    network: str
    """What kept it from the network."""


def tried(candidate: Candidate, wheels: Path | None = None) -> Trial:
    """Install a wheel into a fresh environment and hold its plugins against conformance there.

    This environment's packages can be read from there; dependencies that are missing are installed with it, from
    `wheels` where that is given. It changes nothing here.
    """
    with tempfile.TemporaryDirectory(prefix="finery-trial-") as folder:
        python = made(Path(folder) / "environment")
        try:
            prepare(candidate, python, wheels)
        except FineryError as error:
            return Trial(tuple(Fault("install", fault.fault) for fault in error.faults), (), "not tried")
        block(python)
        prefix, network = isolation()
        return Trial(*probed(candidate, python, prefix, Path(folder)), network)


def made(folder: Path) -> str:
    """A virtual environment from which this one's packages can be read; its Python."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    lines = [f"import site; site.addsitedir({path!r})" for path in packages()]
    (purelib(python) / "readable.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return python


def packages() -> list[str]:
    """Where this environment's packages lie; site, and not sys.path alone, because of the .pth files there."""
    return [path for path in site.getsitepackages() if Path(path).is_dir()]


def purelib(python: str) -> Path:
    """Where a Python's packages lie."""
    return Path(Environment(python).said["paths"]["purelib"])


def prepare(candidate: Candidate, python: str, wheels: Path | None) -> None:
    """Install the wheel, and the dependencies that this environment lacks."""
    pip = Pip(python, wheels)
    here = Environment(python).installed
    pins = [f"finery=={here['finery'].version}"]
    found = pip.resolve(candidate.wheel.path, pins)
    others = [one["metadata"] for one in found if one["metadata"]["name"] != candidate.listing.name]
    source = ["--no-deps", "--quiet", "--only-binary", ":all:", *pip.source]
    lines = [f"{one['name']}=={one['version']}" for one in others]
    pip.run("install", *source, "--force-reinstall", *lines, str(candidate.wheel.path))


def block(python: str) -> None:
    """Refuse the network to every Python of an environment."""
    folder = purelib(python)
    (folder / "finery_offline.py").write_text(OFFLINE, encoding="utf-8")
    (folder / "finery_offline.pth").write_text("import finery_offline\n", encoding="utf-8")


def isolation() -> tuple[list[str], str]:
    """The command that takes the network away, where the system has one, and what to call it."""
    if shutil.which(UNSHARE[0]):
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)  # noqa: S603 - a constant
        if done.returncode == 0:
            return [*UNSHARE], "unshare: a network namespace of its own"
    return [], "audit hook: Python's sockets refused, but not those of native code"


def probed(
    candidate: Candidate, python: str, prefix: list[str], folder: Path
) -> tuple[tuple[Fault, ...], tuple[Mapping[str, Any], ...]]:
    """Faults and pages of every plugin, from a process in the fresh environment."""
    home = folder / "home"
    home.mkdir()
    task, result = folder / "task.json", folder / "result.json"
    plugins = tasks(candidate)
    task.write_text(json.dumps(plugins), encoding="utf-8")
    said = os.environ | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            [*prefix, python, "-P", "-m", "finery_registry.probe", str(task), str(result)],
            cwd=home, env=said, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return (Fault("conformance", f"has not ended after {SECONDS} seconds"),), ()
    try:
        answers = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or [f"left with code {done.returncode}"]
        return (Fault("conformance", f"broke down: {last[0]}", "does its import end the process?"),), ()
    faults = [
        Fault(f"{one['hook']} '{one['name']}': {place}", fault, remedy)
        for one, answer in zip(plugins, answers, strict=True)
        for place, fault, remedy in answer["faults"]
    ]
    return tuple(faults), tuple(answer["page"] for answer in answers if answer.get("page"))


def tasks(candidate: Candidate) -> list[dict[str, Any]]:
    """Each plugin as the probe needs it."""
    points = candidate.wheel.points
    return [
        {
            **one,
            "target": points[f"finery.{one['hook']}"][one["name"]],
            "api": candidate.release.api,
            "options": one.get("options", {}),
            "samples": list(one.get("samples", ("text",))),
        }
        for one in candidate.listing.data["provides"]
    ]


def version_here() -> str:
    """This Python's version."""
    return ".".join(map(str, sys.version_info[:3]))
