"""The work of reading, cut into units that depend on the input alone, never on who reads it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.data import files, hub, query
from finery.data.content import STEP_BYTES, check_source, content, survey
from finery.data.source import WEB, SourceConfig

__all__ = ["Piece", "Unit", "content", "units"]

MAX_UNIT_BYTES = 64 << 20
"""Bytes of input that one worker reads at a time, at most."""

UNITS = 64
"""A source is cut into about so many units, until they are of MAX_UNIT_BYTES: small data keeps all workers busy too."""

SPLITTABLE = frozenset({"jsonl", "lines"})
"""Kinds of which any line can be a worker's first."""


@dataclass(frozen=True)
class Piece:
    """A part of the input: a byte range of a plain file, row groups of a Parquet file, rows of a data set, or
    a whole file."""

    file: str
    """Its name as matched, relative to the pipeline's folder where the pattern is."""
    kind: str
    """One of `finery.data.source.KINDS`, or `dataset` or `query`."""
    start: int = 0
    """The first byte, row group or row, from 0."""
    end: int | None = None
    """The one behind the last; None for the end of the file."""
    first: int = 1
    """The number, from 1, of the first line or row."""
    size: int = 0
    """Bytes of input."""
    total: int | None = None
    """Bytes of the whole file when the units were made; another size later is an error. None where it is not
    known."""


@dataclass(frozen=True)
class Unit:
    """What one worker reads at a time: about 64 MB of one source."""

    source: str
    number: int
    """Its place among the source's units, from 0."""
    pieces: tuple[Piece, ...]


def units(
    source: SourceConfig,
    folder: Path,
    known: MutableMapping[str, Any] | None = None,
    size: int | None = None,
) -> list[Unit]:
    """The units of a source, of about `size` bytes; equal for equal input. `known` as in `content`.

    By default the size follows from the whole input's, see `unit_bytes`.

    Raises PipelineError and DataError that name the source and the path where no file matches, one cannot be
    read, its kind is not known, or a library is missing.
    """
    check_source(source)
    size = unit_bytes(source, folder) if size is None else size
    packs = packed(pieces(source, folder, known, size), size)
    return [Unit(source.name, number, tuple(pack)) for number, pack in enumerate(packs)]


def unit_bytes(source: SourceConfig, folder: Path) -> int:
    """How large a source's units are: a multiple of STEP_BYTES that depends on the size of the input alone."""
    total = 0
    if source.path is not None:
        total = sum(files.size(name, source, folder) for name in files.matches(source, folder))
    steps = total // UNITS // STEP_BYTES
    return min(max(steps, 1) * STEP_BYTES, MAX_UNIT_BYTES)


def packed(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    """Neighbours together, up to `size` bytes."""
    pack: list[Piece] = []
    for piece in pieces:
        if pack and sum(other.size for other in pack) + piece.size > size:
            yield pack
            pack = []
        pack.append(piece)
    if pack:
        yield pack


def pieces(source: SourceConfig, folder: Path, known: MutableMapping[str, Any] | None, size: int) -> Iterator[Piece]:
    """The pieces of a source, in the order of its files' names."""
    if source.query is not None:
        query.checked(source, folder)
        yield Piece(query.FILE, "query")
    elif source.dataset is not None:
        yield from dataset_pieces(source, folder, size)
    else:
        for name in files.matches(source, folder):
            yield from file_pieces(name, source, folder, known, size)


def dataset_pieces(source: SourceConfig, folder: Path, size: int) -> Iterator[Piece]:
    """Runs of rows of a data set."""
    data = hub.loaded(source, folder)
    total = data.data.nbytes
    step = max(1, len(data) * size // max(total, 1))
    for start in range(0, len(data), step):
        end = min(start + step, len(data))
        yield Piece(str(source.dataset), "dataset", start, end, start + 1, total * (end - start) // len(data))


def file_pieces(
    name: str, source: SourceConfig, folder: Path, known: MutableMapping[str, Any] | None, size: int
) -> Iterator[Piece]:
    """The pieces of one file."""
    kind = files.kind(name, source)
    total = files.size(name, source, folder)
    check_libraries(kind, source)
    if kind == "parquet":
        yield from parquet_pieces(name, source, folder, size, total)
    elif kind in ("warc", "wet") and files.compression(name) == "gzip":
        # A unit owns the gzip members that begin in its range.
        for start in range(0, total, size):
            end = min(start + size, total)
            yield Piece(name, kind, start, end, size=end - start, total=total)
    elif total > size and kind in SPLITTABLE and files.compression(name) is None:
        step = min(size, STEP_BYTES)
        marks = survey(name, source, folder, known, step)["marks"]
        yield from ranges(name, kind, apart(marks, size), total)
    else:
        yield Piece(name, kind, size=total, total=total)


def check_libraries(kind: str, source: SourceConfig) -> None:
    """Raise MissingExtra where a library that a kind needs is not there."""
    for library in WEB.get(kind, ()):
        try:
            there = importlib.util.find_spec(library) is not None
        except ValueError:  # what another program put in its place
            there = False
        if not there:
            raise files.needs(source, library, "web")


def apart(marks: list[list[int]], size: int) -> Iterator[list[int]]:
    """The first mark in each further `size` bytes."""
    last = 0
    for mark in marks:
        if mark[0] // size > last:
            last = mark[0] // size
            yield mark


def ranges(name: str, kind: str, marks: Iterable[list[int]], total: int) -> Iterator[Piece]:
    """Byte ranges that end where lines do."""
    starts = [[0, 1], *(mark for mark in marks if mark[0] < total)]
    ends = [start for start, _ in starts[1:]] + [total]
    for (start, line), end in zip(starts, ends, strict=True):
        yield Piece(name, kind, start, end, line, end - start, total)


def parquet_pieces(name: str, source: SourceConfig, folder: Path, size: int, total: int) -> Iterator[Piece]:
    """Runs of row groups."""
    from finery.data.parquet import row_groups

    try:
        with closing(files.opened(name, folder)) as stream:
            groups = row_groups(stream)
    except (OSError, ValueError) as error:
        raise files.unreadable(source, name, error) from error
    start, first, rows, taken = 0, 1, 0, 0
    for number, group in enumerate(groups):
        if number > start and taken + group.size > size:
            yield Piece(name, "parquet", start, number, first, taken, total)
            start, first, rows, taken = number, first + rows, 0, 0
        rows, taken = rows + group.rows, taken + group.size
    if rows:
        yield Piece(name, "parquet", start, len(groups), first, taken, total)
