"""`finery plugins entry`: what an index says of a distribution, written from its wheel."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--repository", metavar="URL", help="Where its source is; by default as the wheel says.")
@click.option("--author", metavar="WHO", help="Who answers for it; by default as the wheel says.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The index to write it into; by default here.",
)
def entry(wheel: Path, repository: str | None, author: str | None, folder: Path) -> None:
    """Write the entry NAME.toml of WHEEL, or add WHEEL as a release to the entry that is there."""
    from finery_registry.drafting import drafted
    from finery_registry.wheel import read_wheel

    file = drafted(read_wheel(wheel), folder, repository, author)
    click.echo(f"wrote {file}; next: finery plugins verify {file} {wheel}")
