"""`finery sql`: ask the lineage anything, reading only."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import click

SHOWN = 1000
"""Rows in a table for a person; JSON and CSV have all."""

TABLES = """
select table_name as name, column_name as "column", data_type as type
from duckdb_columns() where not internal order by table_oid, column_index
"""


@click.command()
@click.argument("query", required=False)
@click.option("--tables", is_flag=True, help="List the tables and their columns.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV with a heading.")
def sql(query: str | None, tables: bool, as_json: bool, as_csv: bool) -> None:
    """Run a DuckDB QUERY over the lineage, such as "from decisions limit 5"."""
    from finery.cli.work import work_folder

    if (query is None) != tables:
        raise click.UsageError("give a query, or --tables")
    if as_json and as_csv:
        raise click.UsageError("give one of --json and --csv")
    columns, kinds, rows = asked(work_folder(), query or TABLES)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([columns, *rows])
    elif as_json:
        show_json(columns, kinds, rows)
    elif tables:
        show_tables(rows)
    else:
        show(columns, rows)


def asked(root: Path, query: str) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """Names and types of the columns, and all rows: the database is free again before anything is printed.

    Raises UsageError with DuckDB's own words for a query that does not work.
    """
    import duckdb

    from finery.errors import Fault, UsageError
    from finery.lineage.store import reading

    with reading(root) as connection:
        try:
            found = connection.sql(query)
            if found is None:
                return [], [], []
            kinds = [str(kind) for kind in found.types]
            return unique(found.columns), kinds, portable(found, kinds).fetchall()
        except duckdb.Error as error:
            hint = Fault("", "tables and columns: finery sql --tables")
            raise UsageError(Fault("finery sql", str(error).strip()), hint) from None


def portable(found: Any, kinds: list[str]) -> Any:
    """The relation with times that know a zone as text: Python needs one more library to hold them."""
    if "TIMESTAMP WITH TIME ZONE" not in kinds:
        return found
    names = ['"' + name.replace('"', '""') + '"' for name in found.columns]
    casts = [f"{n}::varchar as {n}" if "ZONE" in kind else n for n, kind in zip(names, kinds, strict=True)]
    return found.project(", ".join(casts))


def unique(names: list[str]) -> list[str]:
    """Column names, told apart where a query has one twice."""
    return [name if names.index(name) == place else f"{name}_{place}" for place, name in enumerate(names)]


def show(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Print a table."""
    from finery.cli.render import emit

    emit([dict(zip(columns, row, strict=True)) for row in rows[:SHOWN]], columns, False)
    if len(rows) > SHOWN:
        click.echo(f"{len(rows) - SHOWN:,} more rows: --json and --csv have them all", err=True)


def show_json(columns: list[str], kinds: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Print a list of objects; columns of JSON as what they hold."""
    from finery.cli.render import emit_json

    def value(kind: str, found: Any) -> Any:
        return json.loads(found) if kind == "JSON" and isinstance(found, str) else found

    emit_json([{n: value(k, v) for n, k, v in zip(columns, kinds, row, strict=True)} for row in rows])


def show_tables(rows: list[tuple[Any, ...]]) -> None:
    """Print each table with its columns."""
    from finery.cli.render import emit

    tables: dict[str, list[str]] = {}
    for name, column, kind in rows:
        tables.setdefault(name, []).append(f"{column} {kind.lower()}")
    emit([{"table": name, "columns": columns} for name, columns in tables.items()], ["table", "columns"], False)
