"""Reading: a unit's records in their shape, and what could not be read, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import IO

from finery.data import files, hub, query
from finery.data.archive import frames
from finery.data.decompress import chunks
from finery.data.delimited import delimited_rows
from finery.data.jsonlines import json_rows
from finery.data.jsontree import tree_rows
from finery.data.lines import LineBatch, line_batches
from finery.data.members import members
from finery.data.parquet import parquet_rows
from finery.data.plaintext import block_rows, document_rows, line_rows
from finery.data.rows import Broken, Raw, Rows, gathered
from finery.data.shapes import SHAPES, guessed, lacking, renamed, shaped
from finery.data.source import SourceConfig
from finery.data.units import Piece, Unit
from finery.data.web import archive_rows, page_rows
from finery.errors import DataError, PipelineError, did_you_mean

__all__ = ["Broken", "Rows", "detect", "read"]


def read(unit: Unit, source: SourceConfig, folder: Path, shape: str) -> Iterator[Rows]:
    """A unit's rows in order, at most 8,192 or about 32 MB of text at a time. Nothing is lost: what is no row
    is Broken.

    Raises DataError where a file cannot be read at all, or is no longer the one that the unit was made from.
    """
    for raw in gathered(unit_rows(unit, source, folder)):
        yield shaped(raw, source.columns, shape)


def unit_rows(unit: Unit, source: SourceConfig, folder: Path) -> Iterator[Raw]:
    """A unit's rows as they stand."""
    for piece in unit.pieces:
        try:
            yield from piece_rows(piece, source, folder)
        except OSError as error:
            raise files.unreadable(source, piece.file, error) from error


def piece_rows(piece: Piece, source: SourceConfig, folder: Path) -> Iterator[Raw]:
    """A piece's rows as they stand."""
    if piece.kind == "query":
        yield from query.query_rows(source, folder)
    elif piece.kind == "dataset":
        yield from hub.hub_rows(source, folder, piece.start, piece.end)
    elif piece.kind == "json":
        yield from tree_rows(lambda: bytes_of(piece, source, folder), piece.file)
    elif piece.kind == "parquet":
        with closing(unchanged(piece, source, folder)) as stream:
            yield from parquet_rows(stream, piece.file, piece.start, piece.end, piece.first)
    elif piece.kind in ("text", "markdown"):
        yield from document_rows(bytes_of(piece, source, folder), piece.file)
    elif piece.kind == "html":
        yield from page_rows(bytes_of(piece, source, folder), piece.file)
    elif piece.kind in ("warc", "wet"):
        with closing(unchanged(piece, source, folder)) as stream:
            parts = members(stream, files.compression(piece.file), piece.start, piece.end)
            yield from archive_rows(frames(parts, piece.file), piece.file)
    else:
        yield from linewise_rows(piece, lines_of(piece, source, folder))


def linewise_rows(piece: Piece, lines: Iterator[LineBatch]) -> Iterator[Raw]:
    """The rows of a kind that is read line by line."""
    if piece.kind == "jsonl":
        return json_rows(lines, piece.file)
    if piece.kind == "lines":
        return line_rows(lines, piece.file)
    if piece.kind == "blocks":
        return block_rows(lines, piece.file)
    return delimited_rows(lines, piece.file, "\t" if piece.kind == "tsv" else ",")


def lines_of(piece: Piece, source: SourceConfig, folder: Path) -> Iterator[LineBatch]:
    """A piece's lines."""
    return line_batches(bytes_of(piece, source, folder), piece.file, piece.first)


def bytes_of(piece: Piece, source: SourceConfig, folder: Path) -> Iterator[bytes]:
    """A piece's bytes, decompressed."""
    with closing(unchanged(piece, source, folder)) as stream:
        yield from chunks(stream, files.compression(piece.file), piece.start, piece.end)


def unchanged(piece: Piece, source: SourceConfig, folder: Path) -> IO[bytes]:
    """A piece's file. Raises DataError where its size is not the one that the unit was made from."""
    stream = files.opened(piece.file, folder)
    if piece.total is not None and not files.is_url(piece.file):
        size = os.fstat(stream.fileno()).st_size
        if size != piece.total:
            stream.close()
            fault = f"'{piece.file}' changed while it was read: {piece.total:,} bytes, now {size:,}"
            raise DataError.at(source.place, fault, "run again when nothing writes to it")
    return stream


def detect(source: SourceConfig, units: Sequence[Unit], folder: Path) -> str:
    """The shape of a source: the one it names, else by the names and values of its first readable records.

    Raises PipelineError where the shape is not known, or its columns are not there; DataError where no record
    is readable.
    """
    if source.shape is not None and source.shape not in SHAPES:
        fault = f"unknown shape '{source.shape}'{did_you_mean(source.shape, SHAPES)}"
        raise PipelineError.at(source.place, fault, f"take {files.one_of(SHAPES)}")
    raw = first_rows(source, units, folder)
    missing = [path for path in source.columns.values() if not reaches(path, raw)]
    if missing:
        fault = f"columns: there is no '{missing[0]}'{did_you_mean(missing[0], raw.columns)}"
        raise PipelineError.at(source.place, fault, f"there is {names_of(raw)}")
    columns = renamed(raw.columns, source.columns, len(raw))
    shape = source.shape or guessed(columns)
    if shape is None:
        remedy = 'say which is which: columns = { text = "..." }, or shape = "table" for rows of any columns'
        raise PipelineError.at(source.place, f"the columns {names_of(raw)} are of no known shape", remedy)
    lacks = lacking(columns, shape)
    if lacks:
        fault = f"shape '{shape}' needs the column '{lacks[0]}'; there is {names_of(raw)}"
        raise PipelineError.at(source.place, fault, f'columns = {{ {lacks[0]} = "..." }}')
    return shape


def first_rows(source: SourceConfig, units: Sequence[Unit], folder: Path) -> Raw:
    """The first rows that can be read. Raises DataError where none can."""
    raws = chain.from_iterable(unit_rows(unit, source, folder) for unit in units)
    broken: list[Broken] = []
    for raw in raws:
        if len(raw):
            return raw
        broken = broken or raw.broken
    if not broken:
        raise DataError.at(source.place, "has no records", "its files are empty")
    worst = broken[0]
    first = f"{worst.code} ({worst.detail}) in {worst.file}, row {worst.row}"
    fault = f"no record can be read; the first fault is {first}"
    raise DataError.at(source.place, fault, hint(worst))


def hint(broken: Broken) -> str:
    """What may help where nothing can be read."""
    if broken.raw.lstrip()[:1] == b"[" and broken.code in ("not-json", "not-object"):
        return 'the file may be one JSON array: kind = "json"'
    return "kind = says how a file is to be read"


def reaches(path: str, raw: Raw) -> bool:
    """Whether a mapped column is there, or at least the object that its path begins with."""
    return path in raw.columns or ("." in path and path.partition(".")[0] in raw.columns)


def names_of(raw: Raw, most: int = 20) -> str:
    """The names of the columns there are."""
    names = ", ".join(f"'{name}'" for name in islice(raw.columns, most))
    return names + (", ..." if len(raw.columns) > most else "")
