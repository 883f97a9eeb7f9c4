"""`finery lock`: write down what a pipeline runs with, or hold what is here against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finery.lock.making import Known


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--from-wheels",
    "wheels",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look here for the wheels that are installed, to know their hashes.",
)
@click.option("--index", "places", metavar="PLACE", multiple=True, help="Another index to ask for hashes. Goes first.")
@click.option("--check", is_flag=True, help="Write nothing: say how this environment differs from the lock.")
def lock(files: tuple[Path, ...], wheels: Path | None, places: tuple[str, ...], check: bool) -> None:
    """Write finery.lock beside the pipelines FILES: every plugin with its version, hash and digest.

    `finery run` and `finery plan` then refuse another environment; `finery install --locked` makes that one again.
    """
    from finery.errors import UsageError
    from finery.lock.document import NAME

    wanted = files or (Path("pipeline.toml"),)
    folders = {file.resolve().parent for file in wanted}
    if len(folders) > 1:
        raise UsageError.at("finery lock", "the pipelines are in several folders", "a lock lies beside its pipelines")
    (folder,) = folders
    if check:
        compare(wanted[0], folder / NAME)
    else:
        write(wanted, folder / NAME, wheels, places)


def write(files: tuple[Path, ...], to: Path, wheels: Path | None, places: tuple[str, ...]) -> None:
    """Write the lock, and tell what it lacks. Raises UsageError where it cannot be written."""
    from finery.cli.work import plugins_beside
    from finery.config import read_pipeline
    from finery.errors import UsageError
    from finery.lock.document import read_lock
    from finery.lock.making import make_lock

    plugins_beside(files[0])
    text, missing = make_lock([read_pipeline(file) for file in files], wheels, asked(places))
    try:
        beside = to.with_name(f"{to.name}.partial")
        beside.write_text(text, encoding="utf-8")
        beside.replace(to)
    except OSError as error:
        raise UsageError.at(to, f"cannot be written ({error.strerror})", "is the folder writable?") from None
    made = read_lock(to)
    every = (*made.distributions, *made.dependencies)
    click.echo(f"wrote {to.name}: {len(made.plugins)} plugins, {len(every)} distributions", err=True)
    if without := [f"{one['name']} {one['version']}" for one in every if "sha256" not in one]:
        click.echo(f"no wheel's hash is known of {', '.join(without)}: see --from-wheels", err=True)
    if missing:
        click.echo(f"needed and not installed: {', '.join(missing)}", err=True)


def asked(places: tuple[str, ...]) -> list[Known]:
    """Who else knows wheels: the entry points of `finery.wheels`, each for these indexes."""
    from importlib import metadata

    from finery.lock.making import GROUP

    return [point.load()(places) for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.value)]


def compare(file: Path, place: Path) -> None:
    """Say what differs from a lock. Raises UsageError with every difference."""
    from finery.cli.work import plugins_beside
    from finery.errors import UsageError
    from finery.lock.document import read_lock
    from finery.lock.holding import differences

    plugins_beside(file)
    if not place.is_file():
        raise UsageError.at(place, "there is no such file", f"finery lock {file.name}")
    if faults := list(differences(read_lock(place))):
        raise UsageError(*faults)
    click.echo(f"{place.name} holds")
