"""`finery profile`: what is in some data, before anything is done with it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--records", type=click.IntRange(min=1), default=20_000, show_default=True, help="Of each source.")
@click.option("--samples", type=click.IntRange(min=0), default=2, show_default=True, help="Examples of each rule set.")
@click.option("--kind", help="How to read the files; by default their suffix decides.")
@click.option("--shape", help="What the records are; by default their fields decide.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="What a field is called in the data.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Keep the work in this folder.")
@click.option("--write", "first", type=click.Path(path_type=Path, dir_okay=False), help="Write a first pipeline.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def profile(
    sources: tuple[str, ...],
    records: int,
    samples: int,
    kind: str | None,
    shape: str | None,
    columns: tuple[str, ...],
    work: Path | None,
    first: Path | None,
    as_json: bool,
) -> None:
    """Show what is in some data: lengths, languages, duplicates, personal data, what rule sets would drop.

    SOURCE is a file, a pattern in quotation marks, a URL, the name of a data set on the hub or its folder, a query
    ("select ..."), or a pipeline file for all its sources. All of it is read; what is measured is a sample.
    """
    from finery.cli.profile_page import page, plain
    from finery.cli.render import emit_json
    from finery.profile.first import write_first
    from finery.profile.measure import measure
    from finery.profile.sources import named

    said: dict[str, Any] = {"kind": kind, "shape": shape, "columns": pairs(columns) or None}
    found = named(sources, {name: value for name, value in said.items() if value is not None})
    if first is not None:
        free(first)
    with folder(work) as place:
        profiles = measure(found, records, place, samples, observers(as_json))
    if first is not None:
        write_first(profiles, found, first)
    if as_json:
        emit_json(plain(profiles))
    else:
        page(profiles)
        click.echo(
            f"\nwrote {first}: finery run {first}" if first else "\nadd --write pipeline.toml for a first pipeline"
        )


def free(file: Path) -> None:
    """Raise UsageError for a file that is there already, before any work is done."""
    from finery.errors import UsageError

    if file.exists():
        raise UsageError.at(file, "is there already", "name another file")


def pairs(words: tuple[str, ...]) -> dict[str, str]:
    """`text=body` as a table. Raises UsageError."""
    from finery.errors import UsageError

    found = {}
    for word in words:
        ours, equals, theirs = word.partition("=")
        if not (ours and equals and theirs):
            raise UsageError.at(f"--column {word}", "names no field", "write --column text=body")
        found[ours] = theirs
    return found


@contextmanager
def folder(work: Path | None) -> Iterator[Path]:
    """The folder to work in, gone afterwards where none is given."""
    if work is not None:
        yield work.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="finery-profile-") as made:
        yield Path(made)


def observers(quiet: bool) -> tuple[Any, ...]:
    """Who shows how it goes: somebody where a person looks."""
    if quiet or not sys.stderr.isatty():
        return ()
    from finery.cli.progress import Progress

    return (Progress(),)
