"""`finery trace`: what made a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.lineage.trace import Passage, Share, Trace, Training


@click.command()
@click.argument("model")
@click.option("--run", metavar="RUN", help="Which run; by default the last one.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def trace(model: str, run: str | None, as_json: bool) -> None:
    """Show the sources, records, epochs and steps that made a model.

    MODEL is the id of a train stage, the beginning of a fingerprint, or a model's folder in the work folder.
    """
    from finery.cli.render import emit_json
    from finery.cli.work import work_folder
    from finery.lineage.store import reading
    from finery.lineage.trace import trace_model

    root = work_folder()
    with reading(root) as connection:
        found = trace_model(connection, root, model, run)
    if as_json:
        emit_json(asdict(found))
    else:
        show(found)


def show(found: Trace) -> None:
    """Print a trace, a section a training."""
    from finery.cli.render import emit

    click.echo(f"starts from {found.base}" if found.base else "starts from random weights")
    for made in found.trainings:
        click.echo(f"\n{title(made)}\n")
        emit([row(share) for share in made.shares], ["source", "records", "tokens", "epochs", "first loss", "last loss"], False)
        for share in made.shares:
            click.echo(f"\n{share.source} came through")
            emit([step(passage) for passage in share.passages], ["stage", "plugin", "package", "in", "out", "left", "artifact"], False)
        if made.measured:
            click.echo("\nmeasured by")
            emit(made.measured, ["stage", "name", "source", "value"], False)


def title(made: Training) -> str:
    """One line on a training."""
    loss = f", loss {made.first_loss:.3f} to {made.last_loss:.3f}" if made.last_loss is not None and made.first_loss is not None else ""
    told = f"{made.steps:,} steps{loss}, {made.seconds:,.0f} s" if made.steps else f"no steps were recorded, {made.seconds:,.0f} s"
    return f"{made.stage}: {made.plugin} ({made.package}), {told}\n  artifact {made.artifact}, model {made.model}"


def row(share: Share) -> dict[str, Any]:
    """A line on a source."""
    return {**asdict(share), "source": share.source or "?", "first loss": share.first_loss, "last loss": share.last_loss}


def step(passage: Passage) -> dict[str, Any]:
    """A line on a stage."""
    left = ", ".join(f"{count:,} {reason}" for reason, count in passage.reasons.items())
    drawn = f"{passage.epochs:.4g} epochs" if passage.epochs is not None else ""
    counts = {"in": passage.records_in, "out": passage.records_out, "left": "; ".join(filter(None, [drawn, left]))}
    return {"stage": passage.stage, "plugin": passage.plugin, "package": passage.package, "artifact": passage.artifact[:8], **counts}
