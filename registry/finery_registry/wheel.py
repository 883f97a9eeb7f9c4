"""What a wheel says of itself, read from the zip: metadata, entry points, RECORD, Python files. Nothing is imported."""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from functools import cached_property
from pathlib import Path

from finery import UsageError
from finery_registry.archive import opened

LARGEST_TEXT = 4 * 2**20
"""Bytes of one file that is looked into."""


@dataclass(frozen=True)
class Wheel:
    """A wheel file, opened."""

    path: Path
    archive: zipfile.ZipFile

    @cached_property
    def sha256(self) -> str:
        """Its hash, 64 hexadecimal digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its files; folders have no entry of their own."""
        return tuple(name for name in self.archive.namelist() if not name.endswith("/"))

    @cached_property
    def info(self) -> str:
        """Its `.dist-info` folder. Raises UsageError where there is not exactly one."""
        found = {name.partition("/")[0] for name in self.names if name.partition("/")[0].endswith(".dist-info")}
        if len(found) != 1:
            raise UsageError.at(self.path.name, f"has {len(found)} .dist-info folders", "build the wheel again")
        return found.pop()

    @cached_property
    def metadata(self) -> dict[str, list[str]]:
        """The fields of METADATA, lower-case, each with all its values."""
        said: dict[str, list[str]] = {}
        for field, value in Parser().parsestr(self.text(f"{self.info}/METADATA"), headersonly=True).items():
            said.setdefault(field.lower(), []).append(str(value))
        return said

    def field(self, name: str) -> str:
        """The first value of a field of METADATA, nothing where there is none."""
        return next(iter(self.metadata.get(name, [])), "").strip()

    @cached_property
    def points(self) -> dict[str, dict[str, str]]:
        """Group, name and target of each entry point. Raises UsageError for a file that cannot be read."""
        if f"{self.info}/entry_points.txt" not in self.names:
            return {}
        reader = configparser.RawConfigParser(delimiters=("=",), strict=True, default_section="\0")
        reader.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            reader.read_string(self.text(f"{self.info}/entry_points.txt"))
        except configparser.Error as error:
            raise UsageError.at(f"{self.path.name}: entry_points.txt", str(error).splitlines()[0]) from None
        return {group: dict(reader.items(group)) for group in reader.sections()}

    @cached_property
    def record(self) -> dict[str, str]:
        """Each file of RECORD with its hash, `sha256=...` in URL-safe Base64 or nothing."""
        rows = csv.reader(self.text(f"{self.info}/RECORD").splitlines())
        return {row[0]: row[1] if len(row) > 1 else "" for row in rows if row}

    def text(self, name: str) -> str:
        """One file as text. Raises UsageError where it is missing, too large or no UTF-8."""
        return decoded(self.path.name, name, self.body(name, LARGEST_TEXT))

    def body(self, name: str, largest: int) -> bytes:
        """The bytes of one file. Raises UsageError where it is missing, damaged or longer than `largest`."""
        try:
            with self.archive.open(name) as file:
                body = file.read(largest + 1)
        except (KeyError, zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError):
            raise UsageError.at(self.path.name, f"has no readable {name}", "build the wheel again") from None
        if len(body) > largest:
            raise UsageError.at(self.path.name, f"{name} has more than {largest:,} bytes")
        return body

    def sources(self) -> Iterator[tuple[str, str]]:
        """Name and text of each Python file."""
        for name in self.names:
            if name.endswith(".py"):
                yield name, self.text(name)

    def digest(self, name: str) -> str:
        """The hash of one file as RECORD writes it, read in pieces."""
        found = hashlib.sha256()
        try:
            with self.archive.open(name) as file:
                while piece := file.read(2**20):
                    found.update(piece)
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
            raise UsageError.at(self.path.name, f"{name} is damaged: {error}", "build the wheel again") from None
        return recorded(found.digest())


def read_wheel(path: Path) -> Wheel:
    """A wheel. Raises UsageError for a file that is none."""
    return Wheel(path, opened(path))


def recorded(digest: bytes) -> str:
    """A SHA-256 as RECORD writes it."""
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def decoded(wheel: str, name: str, body: bytes) -> str:
    """Bytes as text. Raises UsageError where they are no UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError.at(wheel, f"{name} is no UTF-8 text", "save it as UTF-8") from None
