"""The environment that plugins go into: what is installed there, which files it has, and which were changed."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from finery import Fault, UsageError
from finery_registry.listing import normalised

# Runs in the other Python, which may have nothing installed: the standard library only.
LOOK = """
import email, json, re, sys, sysconfig
from importlib import metadata
found = {}
for dist in metadata.distributions():
    # Python would parse all of it anew for each field: the headers, once, take a third of the time.
    body = dist.read_text("METADATA")
    said = email.message_from_string((body or dist.read_text("PKG-INFO") or "").partition("\\n\\n")[0])
    name = said["Name"]
    key = re.sub("[-_.]+", "-", name or "").lower()
    if not key or key in found:
        continue
    points = [[p.group, p.name, p.value] for p in dist.entry_points if p.group.startswith("finery.")]
    wanted = points or key in json.loads(sys.argv[1])
    files = [[str(f.locate()), f.hash and [f.hash.mode, f.hash.value]] for f in dist.files or ()] if wanted else []
    url = json.loads(dist.read_text("direct_url.json") or "{}")
    local = "dir_info" in url
    # By the lines of RECORD: dist.files makes an object of each, 10,000 of torch's.
    record = [line.partition(",")[0] for line in (dist.read_text("RECORD") or "").splitlines() if ".py," in line]
    tops = (dist.read_text("top_level.txt") or "").split() or sorted(
        {path.partition("/")[0].partition(".")[0] for path in record if not path.startswith((".", "/"))})
    requires = said.get_all("Requires-Dist", []) if body else dist.requires or []  # an egg has a file for them
    found[key] = dict(name=name, version=said["Version"], points=points, files=files, local=local,
                      requires=requires, tops=tops)
paths = {key: sysconfig.get_path(key) for key in ("purelib", "platlib", "scripts")}
python = "%d.%d.%d" % sys.version_info[:3]
print(json.dumps(dict(found=list(found.values()), paths=paths, python=python)))
"""
SECONDS = 120


@dataclass(frozen=True)
class Installed:
    """A distribution as an environment has it."""

    name: str
    version: str
    points: tuple[tuple[str, str, str], ...]
    """Hook, name and target of each plugin."""
    files: Mapping[str, tuple[str, str] | None]
    """Each file with the kind and value of its hash; filled for plugins, and for what was asked for by name."""
    local: bool
    """Whether it was installed from a folder, such as with `pip install -e`."""
    requires: tuple[str, ...]
    tops: tuple[str, ...]
    """Its top-level modules."""


@dataclass(frozen=True)
class Environment:
    """The environment of one Python, as it is when first asked."""

    python: str
    also: tuple[str, ...] = ()
    """Distributions whose files are wanted though they hold no plugin."""

    @cached_property
    def said(self) -> Mapping[str, Any]:
        """What that Python says of itself. Raises UsageError where it does not run."""
        command = [self.python, "-P", "-c", LOOK, json.dumps(self.also)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)  # noqa: S603
            found: Mapping[str, Any] = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
            raise UsageError.at(self.python, f"is no Python that runs: {''.join(last)}", "see --python") from None
        return found

    @cached_property
    def installed(self) -> dict[str, Installed]:
        """Every distribution by normalised name."""
        return {normalised(one["name"]): installed(one) for one in self.said["found"]}

    @property
    def folders(self) -> list[Path]:
        """Where pip puts modules and scripts."""
        return [Path(path) for path in dict.fromkeys(self.said["paths"].values())]

    def again(self, also: tuple[str, ...] = ()) -> Environment:
        """The same environment, looked at anew."""
        return Environment(self.python, also)


def installed(said: Mapping[str, Any]) -> Installed:
    """A distribution from what its Python says."""
    points = tuple((group.removeprefix("finery."), name, value) for group, name, value in said["points"])
    files = {name: (mark[0], mark[1]) if mark else None for name, mark in said["files"]}
    requires, tops = tuple(said["requires"]), tuple(said["tops"])
    return Installed(said["name"], said["version"], points, files, said["local"], requires, tops)


def environment(python: str | None = None) -> Environment:
    """The environment of `python`, by default of the one that runs Finery."""
    return Environment(python or sys.executable)


def modified(dist: Installed) -> Iterator[Fault]:
    """The files of a distribution that are not as its wheel brought them."""
    for name, mark in dist.files.items():
        path = Path(name)
        if not path.is_file():
            if not name.endswith(".pyc"):
                yield Fault(f"{dist.name} {dist.version}", f"{path.name} is missing", reinstall(dist))
        elif mark and mark != (mark[0], digest(path, mark[0])):
            yield Fault(f"{dist.name} {dist.version}", f"{path} was changed after it was installed", reinstall(dist))


def reinstall(dist: Installed) -> str:
    """The way to have a distribution as its wheel brought it."""
    return f"finery plugins install {normalised(dist.name)}=={dist.version} --again"


def digest(path: Path, mode: str) -> str:
    """The hash of a file as RECORD writes it."""
    with path.open("rb") as file:
        return base64.urlsafe_b64encode(hashlib.file_digest(file, mode).digest()).rstrip(b"=").decode()
