"""`finery schema`: JSON Schema of pipeline.toml, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
def schema(out: Path | None) -> None:
    """Print a JSON Schema of pipeline.toml with all installed plugins.

    Editors complete and check pipeline files with it: begin the file with `#:schema ./pipeline.schema.json`.
    """
    from finery.errors import UsageError
    from finery.schema import pipeline_schema

    text = json.dumps(pipeline_schema(), indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
        return
    try:
        out.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError.at(out, f"cannot be written ({error.strerror})", "name another file") from None
    click.echo(f"wrote {out}", err=True)
