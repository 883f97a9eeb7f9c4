"""What the verbs have in common: their options, the indexes they ask, the question before anything changes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import click

from finery import Fault, UsageError
from finery_registry.indexes import Indexes, read_indexes

Answer: TypeAlias = "tuple[list[dict[str, Any]], list[str], bool]"
"""Rows, the columns of a table, and whether all is wanted as JSON instead: `finery plugins` prints it."""

INDEX = click.option(
    "--index",
    "places",
    metavar="PLACE",
    multiple=True,
    help="Another index: a folder, a checkout or a URL. Goes first.",
)
HTTP = click.option("--allow-http", is_flag=True, help="Let indexes and wheels come by plain http.")
PYTHON = click.option("--python", metavar="PYTHON", help="The interpreter of another environment.")
YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
HOOK = click.option("--hook", metavar="HOOK", help="Only plugins of one hook.")
WHEELS = click.option(
    "--from-wheels",
    "wheels",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take every wheel from a folder, without network.",
)


def indexes(places: Iterable[str], allow_http: bool) -> Indexes:
    """Every index that is asked; entries that are left out, and names that clash, are told."""
    found = read_indexes(tuple(places), allow_http)
    tell(found.faults)
    return found


def tell(faults: Iterable[Fault]) -> None:
    """Faults on standard error."""
    for fault in faults:
        click.echo(str(fault), err=True)


def agreed(question: str, yes: bool) -> bool:
    """Whether the reader wants it. Raises UsageError where nobody is there to be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError.at(question, "nobody is there to be asked", "say --yes")
    return click.confirm(question, err=True)


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for wheels that are looked at, gone afterwards."""
    with TemporaryDirectory(prefix="finery-wheels-") as folder:
        yield Path(folder)
