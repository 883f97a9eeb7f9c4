"""`finery plugins index`: a folder of entries checked, and made into the JSON that a URL serves."""

from __future__ import annotations

from pathlib import Path

import click

from finery import UsageError


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; by default nowhere.")
def index(folder: Path, out: Path | None) -> None:
    """Check every entry of an index, and write it as the one JSON file that --index takes as a URL."""
    from finery_registry.index import bundled, read_index

    found = read_index(str(folder))
    if found.faults:
        raise UsageError(*found.faults)
    if out is not None:
        out.write_text(f"{bundled(found)}\n", encoding="utf-8")
    click.echo(f"{len(found.entries)} entries, no faults" + (f"; wrote {out}" if out else ""))
