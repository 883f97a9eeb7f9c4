"""Distributions as they are installed: where each came from, a digest of its files, and what it needs."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

INFO = ("METADATA", "entry_points.txt")
"""What counts of a distribution's own metadata; the rest is its installer's, and other after another installation."""


def normalised(name: str) -> str:
    """A distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(name: str) -> metadata.Distribution | None:
    """An installed distribution, None where it is not there."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def origin(dist: metadata.Distribution) -> str:
    """`wheel`, `folder` (built from one) or `editable` (its code stays there), by its direct_url.json (PEP 610)."""
    info = said(dist, "direct_url.json").get("dir_info")
    return "wheel" if info is None else "editable" if info.get("editable") else "folder"


def said(dist: metadata.Distribution, file: str) -> Mapping[str, Any]:
    """A JSON file of a distribution's metadata; nothing where there is none."""
    try:
        found = json.loads(dist.read_text(file) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def digest(dist: metadata.Distribution) -> str:
    """SHA-256 over names and bytes of the files that a distribution brought, 64 hex digits.

    Scripts are left out, for they name the environment. Of an editable one, everything in its top-level packages
    counts.
    """
    files = sources(dist) if origin(dist) == "editable" else recorded(dist)
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        held = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        total.update(f"{name}\n{held}\n".encode())
    return total.hexdigest()


def recorded(dist: metadata.Distribution) -> dict[str, Path]:
    """The files in RECORD that count, by name."""
    return {file.as_posix(): Path(str(file.locate())) for file in dist.files or () if counts(file)}


def counts(file: PurePosixPath) -> bool:
    """Whether a file is the distribution's own in every environment."""
    if file.suffix == ".pyc" or ".." in file.parts:
        return False
    return not file.parts[0].endswith(".dist-info") or file.name in INFO


def sources(dist: metadata.Distribution) -> dict[str, Path]:
    """The files of the top-level packages that an editable distribution's plugins are in."""
    points = [point for point in dist.entry_points if point.group.startswith("finery.")]
    tops = {point.value.partition(":")[0].partition(".")[0] for point in points}
    return {name: path for top in sorted(tops) for name, path in below(top)}


def below(top: str) -> Iterator[tuple[str, Path]]:
    """Every file of a top-level module or package, what Python caches left out."""
    spec = importlib.util.find_spec(top)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if spec and spec.origin and not folders:
        yield f"{top}.py", Path(spec.origin)
    for folder in map(Path, folders):
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{top}/{path.relative_to(folder).as_posix()}", path


def edited(dist: metadata.Distribution) -> list[str]:
    """The files that are not as RECORD has them, by name."""
    rows = {file.as_posix(): file for file in dist.files or () if counts(file)}
    return sorted(
        name for name, file in rows.items() if file.hash and hash_of(Path(str(file.locate()))) != as_text(file)
    )


def as_text(file: metadata.PackagePath) -> str:
    """A file's hash in RECORD, such as `sha256=...`."""
    return f"{file.hash.mode}={file.hash.value}" if file.hash else ""


def hash_of(path: Path) -> str:
    """A file's hash as RECORD writes it; nothing where it is gone."""
    if not path.is_file():
        return ""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def wheel_of(dist: metadata.Distribution, folder: Path | None = None) -> dict[str, str]:
    """`wheel`, `sha256` and `from` of the wheel that a distribution was installed from; nothing where nobody knows.

    From direct_url.json (PEP 610) or provenance_url.json (PEP 710), else from a wheel in `folder` that holds the very
    files that are installed.
    """
    for file in ("direct_url.json", "provenance_url.json"):
        found = said(dist, file)
        name = PurePosixPath(unquote(urlsplit(str(found.get("url", ""))).path)).name
        known = found.get("archive_info", {}).get("hashes", {}).get("sha256")
        if known and name.endswith(".whl"):
            return {"wheel": name, "sha256": str(known), "from": file}
    return folder_wheel(dist, folder) if folder else {}


def folder_wheel(dist: metadata.Distribution, folder: Path) -> dict[str, str]:
    """The same, of a wheel in a folder."""
    stem = (normalised(dist.name), dist.version)
    own = {(file.as_posix(), as_text(file)) for file in dist.files or () if file.hash}
    for path in sorted(folder.glob("*.whl")):
        parts = path.name.split("-")
        if (normalised(parts[0]), parts[1] if len(parts) > 1 else "") == stem and rows_of(path) <= own:
            return {
                "wheel": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "from": "a folder of wheels",
            }
    return {}


def rows_of(wheel: Path) -> set[tuple[str, str]]:
    """Names and hashes in the RECORD of a wheel, of files that are not moved; of a broken one, a row that fits none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (record,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/RECORD")]
            rows = list(csv.reader(io.StringIO(archive.read(record).decode("utf-8"))))
    except (OSError, ValueError, zipfile.BadZipFile):
        return {("", "")}
    return {(row[0], row[1]) for row in rows if len(row) > 1 and row[1] and ".data/" not in row[0]}


def needed(wanted: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """What distributions with extras need, directly or not: the names that are there, and those that are not."""
    from packaging.requirements import Requirement

    waiting = [(normalised(name), extra) for name, extras in wanted.items() for extra in ("", *extras)]
    there: dict[str, None] = {}
    missing: dict[str, None] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        dist = distribution(name)
        (missing if dist is None else there)[name] = None
        for need in map(Requirement, (dist.requires or ()) if dist else ()):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(normalised(need.name), one) for one in ("", *need.extras)]
    own = {normalised(name) for name in wanted}
    return sorted(there.keys() - own), sorted(missing)
