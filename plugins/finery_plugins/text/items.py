"""The items of evaluation sets as text: rows of JSONL, CSV, TSV or Parquet files, or lines of text files."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finery import DataError, UsageError

Rows = Iterator[Any]


def files_of(path: Path) -> list[Path]:
    """The files that a path names: itself, all known files of a folder, or what matches its `*`, in order of name.

    Raises UsageError where there is none.
    """
    if path.is_file():
        return [path]
    folder = Path(path.anchor) if path.is_absolute() else Path()
    pattern = str(path.relative_to(folder))
    found = path.rglob("*") if path.is_dir() else folder.glob(pattern) if "*" in pattern else []
    known = sorted(file for file in found if file.is_file() and reader(file))
    if not known:
        raise UsageError.at(
            f"set '{path}'", "there is no such file", f"give a file, folder or glob of {', '.join(READERS)}"
        )
    return known


def reader(file: Path) -> Callable[[Path], Rows] | None:
    """What reads a file of this kind."""
    return READERS.get(Path(file.name.removesuffix(".gz")).suffix.lower())


def items(file: Path, columns: Sequence[str]) -> Iterator[str]:
    """The text of each item: all strings in these fields of a row, in all where none is named, a line each.

    Raises UsageError for a file of unknown kind or a field that no row has, DataError for one that cannot be read.
    """
    rows = reader(file)
    if rows is None:
        raise UsageError.at(f"set '{file}'", "is of no known kind", f"takes {', '.join(READERS)}, also .gz")
    missing = set(columns)
    try:
        for row in rows(file):
            if isinstance(row, dict):
                missing -= set(row)
                row = {name: row.get(name) for name in columns} if columns else row
            yield "\n".join(strings(row))
    except (ValueError, OSError, EOFError) as error:  # bad JSON, UTF-8, Arrow or gzip
        raise DataError.at(f"set '{file}'", f"cannot be read: {str(error)[:200]}", "mend the file") from error
    if missing and rows is not lines:
        raise UsageError.at(f"set '{file}'", f"has no field {', '.join(sorted(missing))}", "see columns = [...]")


def strings(value: Any) -> Iterator[str]:
    """All strings in a value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def opened(file: Path) -> io.TextIOBase:
    """A file as UTF-8 text, unpacked where it is `.gz`."""
    if file.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(file), encoding="utf-8-sig")
    return file.open(encoding="utf-8-sig")


def lines(file: Path) -> Rows:
    """The lines of a text file that are not blank."""
    with opened(file) as text:
        yield from (line.strip() for line in text if line.strip())


def objects(file: Path) -> Rows:
    """The values of a JSONL file."""
    yield from map(json.loads, lines(file))


def cells(file: Path) -> Rows:
    """The rows of a CSV or TSV file with a header, by name."""
    import csv

    with opened(file) as text:
        tabs = Path(file.name.removesuffix(".gz")).suffix.lower() == ".tsv"
        yield from csv.DictReader(text, delimiter="\t" if tabs else ",")


def table(file: Path) -> Rows:
    """The rows of a Parquet file."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(file).iter_batches():
        yield from batch.to_pylist()


READERS: Mapping[str, Callable[[Path], Rows]] = {
    ".jsonl": objects,
    ".ndjson": objects,
    ".csv": cells,
    ".tsv": cells,
    ".parquet": table,
    ".txt": lines,
}
