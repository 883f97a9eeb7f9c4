"""Records by a piece of their text, or by the line that they stood on, in what a run read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from finery.lineage.runs import Run, rows

if TYPE_CHECKING:
    import duckdb

MOST = 10
"""Records that a search names; more are only counted."""

EXCERPT = 120
"""Characters of text shown around what was found."""

HITS = r"""
with read as (select *, regexp_extract(filename, '(\d+)\.parquet$', 1) as shard
              from read_parquet($files, filename = true, file_row_number = true, union_by_name = true)),
texts as (select id, shard, file_row_number as row, filename, {text} as text from read),
hits as (select *, count(*) over () as total from texts where contains(text, $snippet)
         order by filename, row limit {most}),
{fresh}
select coalesce(fresh.id, hits.id) as record, text, total
from hits left join fresh on fresh.row = hits.row and fresh.shard = hits.shard order by hits.filename, hits.row
"""
FRESH = r"""
fresh as (select id, row, regexp_extract(filename, '(\d+)\.parquet$', 1) as shard
          from read_parquet($ids, filename = true))
"""
NO_FRESH = "fresh as (select null::uuid as id, null::bigint as row, null::varchar as shard where false)"

BROKEN = """
select record, detail as text, count(*) over () as total from decisions
where artifact in (select unnest($artifacts)) and contains(detail, $snippet) order by detail limit {most}
"""
ON_LINE = """
select record, file || ':' || line as text, count(*) over () as total from origins
where artifact in (select unnest($artifacts)) and line = $line and (file = $file or ends_with(file, '/' || $file))
order by file limit {most}
"""


@dataclass(frozen=True)
class Hit:
    """A record that was found, and the text around what was searched for."""

    record: UUID
    excerpt: str


@dataclass(frozen=True)
class Found:
    """The first hits, and how many there are."""

    hits: tuple[Hit, ...]
    total: int


def in_lineage(connection: duckdb.DuckDBPyConnection, run: Run, snippet: str) -> Found:
    """Records read from `file:line`, and rows that could not be read whose cause holds the snippet."""
    values: dict[str, Any] = {"artifacts": run.artifacts(("read",)), "snippet": snippet}
    place = re.fullmatch(r"(.+):(\d+)", snippet)
    if place is None:
        return gathered(rows(connection, BROKEN.format(most=MOST), values), snippet)
    broken = rows(connection, BROKEN.format(most=MOST), {**values, "snippet": f"{snippet}:"})
    line = {"artifacts": values["artifacts"], "file": place[1], "line": int(place[2])}
    read = rows(connection, ON_LINE.format(most=MOST), line)
    return together([gathered(read, snippet), gathered(broken, snippet)])


def in_texts(root: Path, run: Run, snippet: str) -> Found:
    """Records whose text, as it was read, holds the snippet; nested text counts.

    Every text of the run is looked through, outside the lineage database, which a run in progress wants to write.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        folders = [root / "artifacts" / artifact for artifact in run.artifacts(("read",))]
        return together([in_artifact(connection, folder, snippet) for folder in folders])


def together(parts: Sequence[Found]) -> Found:
    """Several searches as one."""
    hits = [hit for part in parts for hit in part.hits]
    return Found(tuple(hits[:MOST]), sum(part.total for part in parts))


def in_artifact(connection: duckdb.DuckDBPyConnection, folder: Path, snippet: str) -> Found:
    """Records of one source."""
    files, ids = (sorted(str(path) for path in folder.glob(f"{kind}-*.parquet")) for kind in ("data", "ids"))
    text = text_of(connection, files) if files else None
    if text is None:
        return Found((), 0)
    query = HITS.format(text=text, fresh=FRESH if ids else NO_FRESH, most=MOST)
    values: dict[str, Any] = {"files": files, "snippet": snippet} | ({"ids": ids} if ids else {})
    return gathered(rows(connection, query, values), snippet)


def gathered(found: Sequence[dict[str, Any]], snippet: str) -> Found:
    """Hits from rows of `record, text, total`."""
    hits = tuple(Hit(row["record"], excerpt(row["text"], snippet)) for row in found)
    return Found(hits, found[0]["total"] if found else 0)


def excerpt(text: str, snippet: str) -> str:
    """The text around the first place where the snippet stands, on one line."""
    place = max(text.find(snippet), 0)
    start = max(0, place - max(0, EXCERPT - len(snippet)) // 2)
    end = start + EXCERPT
    cut = " ".join(text[start:end].split())
    return f"{'... ' if start else ''}{cut}{' ...' if end < len(text) else ''}"


def text_of(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> str | None:
    """SQL for all text of a record, columns and nested parts on lines of their own; None where there is no text."""
    relation = connection.sql("from read_parquet($files, union_by_name = true) limit 0", params={"files": files})
    columns = [(quoted(name), kind) for name, kind in zip(relation.columns, relation.types, strict=True)]
    return joined(text_in(name, kind) for name, kind in columns)


def text_in(expression: str, kind: Any) -> str | None:
    """SQL for the text in a value of some DuckDB type."""
    if kind.id == "varchar":
        return expression
    if kind.id == "list":
        inner = text_in("x", dict(kind.children)["child"])
        return f"array_to_string(list_transform({expression}, lambda x: {inner}), chr(10))" if inner else None
    if kind.id == "struct":
        return joined(text_in(f"{expression}.{quoted(name)}", part) for name, part in kind.children)
    return None


def joined(parts: Iterable[str | None]) -> str | None:
    """SQL for several texts, each on a line of its own; None where there are none."""
    texts = [part for part in parts if part]
    return f"concat_ws(chr(10), {', '.join(texts)})" if texts else None


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'
