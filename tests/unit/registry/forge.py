"""Wheels and entries made on the spot, sound by default, and spoilt in one way at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

PLUGIN = '''"""A filter that drops short documents."""

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Reasons, hookimpl, plugin


@plugin
class Short:
    """Drop documents that are too short."""

    least: Annotated[int, Field(ge=0)] = 3
    """Fewest characters."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`short` for each text under the least."""
        lengths = pa.array([len(text or "") for text in batch["text"].to_pylist()], pa.int64())
        return Reasons(pc.if_else(pc.less(lengths, self.least), "short", None))
'''

METADATA = """Metadata-Version: 2.4
Name: {name}
Version: {version}
License-Expression: Apache-2.0
Requires-Python: >=3.11
Requires-Dist: finery>=0.1
"""


@dataclass(frozen=True)
class Dist:
    """A distribution of one plugin: what its wheel holds and what its entry says."""

    name: str = "acme-short"
    version: str = "1.0.0"
    tag: str = "py3-none-any"
    code: str = PLUGIN
    points: str = "[finery.filter]\nshort = acme_short:Short\n"
    metadata: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """More files, of which RECORD knows."""
    members: tuple[tuple[zipfile.ZipInfo, bytes], ...] = ()
    """More members of the zip, of which RECORD does not know."""
    entry: Mapping[str, str] = field(default_factory=dict)
    """Values of the entry, as TOML, that are not as the wheel has them."""
    info: str | None = None

    @property
    def module(self) -> str:
        """Its module."""
        return self.name.replace("-", "_")

    @property
    def file(self) -> str:
        """The wheel's file name."""
        return f"{self.module}-{self.version}-{self.tag}.whl"

    @property
    def content(self) -> dict[str, str]:
        """Every file but RECORD."""
        info = self.info or f"{self.module}-{self.version}.dist-info"
        said = METADATA if self.metadata is None else self.metadata
        meta = {
            "METADATA": said.format(name=self.name, version=self.version),
            "WHEEL": f"Wheel-Version: 1.0\nGenerator: forge\nRoot-Is-Purelib: true\nTag: {self.tag}\n",
            "entry_points.txt": self.points,
        }
        return {f"{self.module}.py": self.code, **self.files, **{f"{info}/{k}": v for k, v in meta.items()}}

    def wheel(self, folder: Path) -> Path:
        """The wheel, written into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        info = self.info or f"{self.module}-{self.version}.dist-info"
        record = "".join(f"{name},{mark(text)},{len(text)}\n" for name, text in self.content.items())
        with zipfile.ZipFile(folder / self.file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.content.items():
                archive.writestr(name, text)
            archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
            for member, body in self.members:
                archive.writestr(member, body, zipfile.ZIP_DEFLATED)
        return folder / self.file

    def listed(self, folder: Path, wheel: Path) -> Path:
        """Its entry, for a wheel, written into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.toml"
        file.write_text(self.text(hashlib.sha256(wheel.read_bytes()).hexdigest()), encoding="utf-8")
        return file

    def text(self, sha256: str) -> str:
        """Its entry."""
        top = {"name": quoted(self.name), "summary": '"Drops short documents."', "licence": '"Apache-2.0"'}
        top |= {"repository": '"https://example.org/acme"', "authors": '["Acme"]'}
        release = {"version": quoted(self.version), "api": "1", "wheel": quoted(self.file), "sha256": quoted(sha256)}
        release["requires"] = '["finery>=0.1"]'
        provided = {"hook": '"filter"', "name": '"short"'}
        tables = {"": top, "[[provides]]": provided, "[[release]]": release}
        lines = []
        for header, values in tables.items():
            changed = {key: self.entry.get(f"{header.strip('[]')}.{key}".lstrip("."), v) for key, v in values.items()}
            lines += [header, *(f"{key} = {value}" for key, value in changed.items() if value), ""]
        return "\n".join(lines)

    def but(self, **changes: object) -> Dist:
        """The same, spoilt."""
        return replace(self, **changes)  # type: ignore[arg-type]


def quoted(text: str) -> str:
    """A text as TOML."""
    return json.dumps(text)


def mark(text: str) -> str:
    """A file's hash as RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def member(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    """A member of a zip by the very name that is given."""
    found = zipfile.ZipInfo("x")
    found.filename = found.orig_filename = name
    found.external_attr = mode << 16
    return found


SOUND = Dist()
