"""What a source's input contains, as one fingerprint: over bytes, never over paths or times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash

from finery.data import hub, query
from finery.data.decompress import CHUNK, chunks
from finery.data.files import compression, kind, local_folder_files, matches, opened, stamp, unreadable
from finery.data.identity import plain_text
from finery.data.source import WEB, SourceConfig
from finery.errors import DataError

STEP_BYTES = 4 << 20
"""Every so many bytes of a file, the line that begins there is noted: where a unit may begin."""


def content(source: SourceConfig, folder: Path, known: MutableMapping[str, Any]) -> str:
    """The fingerprint of a source's input: 32 hex digits of xxh3-128. Raises DataError and PipelineError.

    Files count by their bytes and the kind they are read as, in the order of their names. A query counts by
    its text and the bytes of the files it reads, or by its result where DuckDB cannot tell which they are. A
    data set counts by the files of its folder, or by the fingerprint that the `datasets` library gives it.
    `known` keeps digests from call to call, so that a file is read again only when its size, times or inode
    have changed.
    """
    if source.query is not None:
        return combined(query_parts(source, folder, known))
    if source.dataset is not None:
        return combined(hub_parts(source, folder, known))
    names = matches(source, folder)
    return combined(part for name in names for part in file_parts(name, source, folder, known))


def combined(parts: Iterable[str]) -> str:
    """One digest of several texts."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode())


def file_parts(name: str, source: SourceConfig, folder: Path, known: MutableMapping[str, Any]) -> tuple[str, ...]:
    """What of a file decides its records: how it is read, and its bytes."""
    digest = str(survey(name, source, folder, known)["digest"])
    found = kind(name, source)
    return found, *versions(found), compression(name) or "", digest


def versions(kind: str) -> Iterator[str]:
    """The libraries that find the text in what the web holds: another version may find other text."""
    for library in WEB.get(kind, ()):
        with suppress(metadata.PackageNotFoundError):
            yield f"{library} {metadata.version(library)}"


def query_parts(source: SourceConfig, folder: Path, known: MutableMapping[str, Any]) -> Iterable[str]:
    """What decides the rows of a query."""
    yield str(source.query)
    files = query.files_read(source, folder)
    if files is None:
        yield from result_digests(source, folder)
    else:
        for name in files:
            yield str(survey(name, source, folder, known)["digest"])


def result_digests(source: SourceConfig, folder: Path) -> Iterable[str]:
    """A digest a column and batch of a query's rows."""
    for raw in query.query_rows(source, folder):
        for name, values in raw.columns.items():
            texts = plain_text(values).to_pylist()
            yield combined([name, *("\0" if text is None else text for text in texts)])


def hub_parts(source: SourceConfig, folder: Path, known: MutableMapping[str, Any]) -> Iterable[str]:
    """What decides the rows of a data set."""
    yield from (source.config or "", source.split or "")
    local = hub.local_folder(source, folder)
    if local is None:
        yield str(hub.loaded(source, folder)._fingerprint)
        return
    for name in local_folder_files(local):
        yield str(survey(name, source, local, known)["digest"])


def survey(
    name: str,
    source: SourceConfig,
    folder: Path,
    known: MutableMapping[str, Any] | None = None,
    step: int = STEP_BYTES,
) -> dict[str, Any]:
    """A file's `digest`, and `marks`: offset and number of the first line that begins at or behind each
    `step` bytes.

    Reads the file once, unless `known` has it. Raises DataError.
    """
    try:
        key = f"{stamp(name, source, folder)}|{step}"
        found = (known or {}).get(key)
        if found is None:
            found = surveyed(name, folder, step)
            if known is not None:
                known[key] = found
    except (OSError, ValueError) as error:
        raise unreadable(source, name, error) from error
    return dict(found)


def surveyed(name: str, folder: Path, step: int) -> dict[str, Any]:
    """The same, from the file itself."""
    digest = xxhash.xxh3_128()
    marks: list[list[int]] = []
    offset, line, wanted = 0, 1, step
    with closing(opened(name, folder)) as stream:
        for chunk in chunks(stream, size=CHUNK):
            digest.update(chunk)
            while (at := chunk.find(b"\n", max(0, wanted - offset - 1))) >= 0:
                begins = offset + at + 1
                marks.append([begins, line + chunk.count(b"\n", 0, at + 1)])
                wanted = begins - begins % step + step
            line += chunk.count(b"\n")
            offset += len(chunk)
    return {"digest": digest.hexdigest(), "marks": marks}


def check_source(source: SourceConfig) -> None:
    """Raises DataError where a source says nothing, or several things, of where its records lie."""
    said = [word for word in ("path", "dataset", "query") if getattr(source, word) is not None]
    if len(said) != 1:
        raise DataError.at(source.place, f"has {' and '.join(said) or 'none of path, dataset, query'}", "say one")
