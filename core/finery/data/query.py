"""A DuckDB query as a source: one select, its rows in the order it gives them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from finery.data.parquet import table_raws
from finery.data.rows import MAX_ROWS, Raw
from finery.data.source import SourceConfig
from finery.errors import DataError, PipelineError

if TYPE_CHECKING:
    import duckdb

FILE = "query"
"""What the origin of a query's rows is called."""

READERS = frozenset({
    "glob", "parquet_scan", "read_blob", "read_csv", "read_csv_auto", "read_json", "read_json_auto",
    "read_json_objects", "read_json_objects_auto", "read_ndjson", "read_ndjson_auto", "read_ndjson_objects",
    "read_parquet", "read_text", "sniff_csv",
})  # fmt: skip
"""DuckDB's table functions whose first argument names files, and whose result depends on nothing else."""

PURE = frozenset({"range", "generate_series", "repeat", "unnest", "values"})
"""Table functions that read nothing."""


def connection(folder: Path) -> duckdb.DuckDBPyConnection:
    """An empty database in memory: files are found from `folder`, one thread, so that rows come in one
    order."""
    import duckdb

    found = duckdb.connect()
    found.execute("set threads = 1")
    found.execute("set file_search_path = $1", [str(folder)])
    found.execute("set temp_directory = $1", [str(Path(tempfile.gettempdir()) / "finery-query")])
    return found


def query_rows(source: SourceConfig, folder: Path) -> Iterator[Raw]:
    """The rows of a source's query. Raises PipelineError for what is no single select, DataError where it
    fails."""
    import duckdb

    checked(source, folder)
    with connection(folder) as database:
        try:
            reader = database.sql(str(source.query)).to_arrow_reader(MAX_ROWS)
            yield from table_raws(reader, FILE)
        except (duckdb.Error, OSError) as error:
            raise DataError.at(source.place, f"the query failed: {first_line(error)}") from error


def checked(source: SourceConfig, folder: Path) -> dict[str, Any]:
    """The query as DuckDB parses it. Raises PipelineError where it is no single select."""
    with connection(folder) as database:
        row = database.execute("select json_serialize_sql($1::varchar)", [source.query]).fetchone()
    tree: dict[str, Any] = orjson.loads(row[0]) if row else {}
    if tree.get("error", True):
        said = str(tree.get("error_message", "cannot be parsed"))
        raise PipelineError.at(source.place, f"query: {said}", "write one select")
    if len(tree["statements"]) != 1:
        raise PipelineError.at(source.place, f"query: {len(tree['statements'])} statements", "write one select")
    return tree


def files_read(source: SourceConfig, folder: Path) -> list[str] | None:
    """The files that a query reads, sorted, or None where that cannot be told from its text."""
    patterns = file_patterns(checked(source, folder), frozenset())
    if patterns is None:
        return None
    with connection(folder) as database:
        rows = [row for pattern in patterns for row in listed(database, pattern)]
    return sorted(set(rows))


def listed(database: duckdb.DuckDBPyConnection, pattern: str) -> list[str]:
    """The files that DuckDB finds for a pattern."""
    return [row[0] for row in database.execute("select file from glob($1)", [pattern]).fetchall()]


def file_patterns(node: Any, named: frozenset[str]) -> list[str] | None:
    """The patterns of files in a parsed query, or None where something else may be read.

    `named` are the tables that the query itself defines.
    """
    if isinstance(node, list):
        return merged([file_patterns(item, named) for item in node])
    if not isinstance(node, dict):
        return []
    defined = (node.get("cte_map") or {}).get("map") or []
    named = named | {item["key"] for item in defined}
    if node.get("type") == "BASE_TABLE":
        name = node.get("table_name", "")
        return [] if name in named else [name] if "." in name else None
    if node.get("type") == "TABLE_FUNCTION":
        return function_patterns(node["function"])
    return merged([file_patterns(item, named) for item in node.values()])


def function_patterns(function: dict[str, Any]) -> list[str] | None:
    """The patterns that a table function is given."""
    name = function.get("function_name", "")
    if name in PURE:
        return []
    if name not in READERS:
        return None
    arguments = [argument["expression"] for argument in function.get("arguments", []) if not argument["name"]]
    return constants(arguments[0]) if arguments else None


def constants(expression: dict[str, Any]) -> list[str] | None:
    """The texts of a constant or a list of constants, None for anything that is computed."""
    literal = expression.get("literal")
    if literal is not None:
        return [literal["text"]] if literal.get("kind") == "STRING" else None
    if expression.get("function_name") == "list_value" or expression.get("type") == "ARRAY_CONSTRUCTOR":
        children = expression.get("arguments") or expression.get("children") or []
        return merged([constants(child.get("expression", child)) for child in children])
    return None


def merged(parts: list[list[str] | None]) -> list[str] | None:
    """All parts as one list; None as soon as one is None."""
    if any(part is None for part in parts):
        return None
    return [name for part in parts if part is not None for name in part]


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return str(error).strip().partition("\n")[0]
