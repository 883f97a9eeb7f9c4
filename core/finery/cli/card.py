"""`finery card`: what a trained model is, what it was made of and how it was measured, as a README for its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.lineage.models import Found
    from finery.lineage.trace import Trace

RUNS = """
select r.run, r.name, r.status, s.reused, strftime(r.started, '%Y-%m-%d %H:%M:%S') as started
from stages s join runs r using (run) where s.artifact = ? order by r.started, r.run
"""


@click.command()
@click.argument("model", metavar="[RUN|STAGE]", default="last")
@click.option("--run", metavar="RUN", help="The run that STAGE belongs to; by default the last one.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Copy the model there, the card with it.")
@click.option("--json", "as_json", is_flag=True, help="What the card says beyond its model's own, as JSON.")
def card(model: str, run: str | None, folder: Path | None, as_json: bool) -> None:
    """Print the card of a trained model, with its evaluations and the runs that used it.

    The model's own folder has the card without these two: what it holds does not depend on the run. RUN stands for its
    last train stage.
    """
    from finery.cli.render import emit_json
    from finery.cli.work import work_folder
    from finery.lineage.models import find
    from finery.lineage.store import reading
    from finery.lineage.trace import trace_model

    root = work_folder()
    found = find(root, run or model, model if run else None)
    if found.stage is None:
        trained_here(found)
    with reading(root) as connection:
        artifact = found.stage.artifact if found.stage else ""
        trace = trace_model(connection, root, artifact)
        runs = used(connection, artifact)
    if folder is not None:
        copy(Path(found.place), folder, whole(found, trace, runs))
    if as_json:
        emit_json(more(found, trace, runs))
    elif folder is None:
        click.echo(whole(found, trace, runs), nl=False)
    else:
        click.echo(f"the model of '{found.name}' and its card lie in {folder}")


def trained_here(found: Found) -> None:
    """Raise UsageError: the lineage knows nothing of a model that was not trained here."""
    from finery.errors import UsageError

    remedy = "name a train stage or a run; a model from elsewhere has its own README"
    raise UsageError.at(f"model '{found.name}'", "was not trained here", remedy)


def used(connection: Any, artifact: str) -> list[dict[str, Any]]:
    """The runs that made or reused an artifact, the first one first."""
    from finery.lineage.runs import rows

    return rows(connection, RUNS, [artifact])


def more(found: Found, trace: Trace, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the lineage knows of a model beyond its own card."""
    made = trace.trainings[-1]
    seconds = {"seconds": made.seconds, "steps": made.steps}
    names = {"model": found.name, "artifact": made.artifact, "fingerprint": made.model, "folder": found.place}
    return {**names, **seconds, "evaluations": list(made.measured), "runs": list(runs)}


def whole(found: Found, trace: Trace, runs: Sequence[Mapping[str, Any]]) -> str:
    """The model's own card, and what the lineage adds."""
    from finery.card import NAME
    from finery.card.page import table

    own = Path(found.place) / NAME
    text = own.read_text(encoding="utf-8") if own.is_file() else f"# {found.name}\n"
    made = trace.trainings[-1]
    parts = [text.rstrip("\n")]
    if made.measured:
        rows = [[row["stage"], row["name"], row["source"] or "all", f"{row['value']:.6g}"] for row in made.measured]
        parts += ["## Evaluations", table(["stage", "measure", "source", "value"], rows)]
    lines = [[row["run"], row["name"], row["started"], "reused" if row["reused"] else row["status"]] for row in runs]
    effort = f"{made.steps:,} steps in {made.seconds:,.1f} s." if made.steps else f"{made.seconds:,.1f} s."
    parts += ["## Runs", effort, table(["run", "pipeline", "began", "it"], lines)]
    return "\n\n".join(parts) + "\n"


def copy(model: Path, folder: Path, text: str) -> None:
    """Copy a model into a new or empty folder, under a card. Raises UsageError, or WorkError where it cannot be."""
    from finery.card import NAME
    from finery.data.export import refuse
    from finery.errors import WorkError

    refuse(folder)
    beside = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(model, beside)
        (beside / NAME).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise WorkError.at(folder, f"cannot be written ({error.strerror or error})", "name another folder") from None
