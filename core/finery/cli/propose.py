"""`finery propose`: a pipeline with other data, from what evaluations found wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finery.propose.gathered import Asked


@click.command()
@click.argument("run_name", metavar="[RUN]", default="last")
@click.option("--stage", metavar="STAGE", help="The changes of this evaluate stage alone.")
@click.option(
    "--pipeline", "file", type=click.Path(path_type=Path), help="The pipeline of RUN; by default pipeline.toml."
)
@click.option("--to", metavar="NAME", help="What it is called; by default NAME.proposed.toml, beside it.")
@click.option("--teach", is_flag=True, help="Let what was answered wrongly be a source, with the right answers.")
@click.option("--json", "as_json", is_flag=True, help="The changes as JSON.")
def propose(run_name: str, stage: str | None, file: Path | None, to: str | None, teach: bool, as_json: bool) -> None:
    """Write a pipeline that changes the data as the evaluations of RUN ask for.

    Evaluations such as `bad-cases` say which records to leave out, to read more often, or to say otherwise. The
    pipeline that is written is RUN's own with stages that do so before the training, the evidence above each as a
    comment; the records are in a file beside it. Read it, and run it:

    finery run pipeline.proposed.toml
    """
    from finery.cli.work import work_folder
    from finery.config import parse, read_text
    from finery.errors import UsageError
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading
    from finery.propose.gathered import gathered
    from finery.propose.writing import proposed, write

    root = work_folder(file)
    with reading(root) as connection:
        run = find_run(connection, run_name)
        asked = gathered(connection, root, run, stage)
    if not any(one.changes or one.elsewhere for one in asked):
        fault = f"no evaluation{f' {stage!r}' if stage else ''} asks for a change of the data"
        raise UsageError.at(f"run {run.id}", fault, 'add a stage with evaluate = "bad-cases" behind the training')
    place = file or root.parent / "pipeline.toml"
    text = read_text(place)
    parse(place, text)
    name = Path(to or f"{place.stem}.proposed.toml").name
    made = write(proposed(text, place, Path(name).stem, run.id, asked, teach), place.with_name(name))
    show(asked, made, as_json)


def show(asked: Sequence[Asked], made: Sequence[Path], as_json: bool) -> None:
    """Print what is changed, and how to go on."""
    from finery.cli.render import emit

    rows = [
        {
            **{"training": one.stage.id, "do": change.do, "cause": change.cause},
            **{"records": len(change.records) or len(change.examples), "why": change.why},
        }
        for one in asked
        for change in one.changes
    ]
    emit(rows, ["training", "do", "cause", "records", "why"], as_json)
    if not as_json:
        click.echo(f"\nwritten to {', '.join(path.name for path in made)}\nread it, then: finery run {made[0].name}")
