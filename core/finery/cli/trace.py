"""`finery trace`: what made a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.lineage.trace import Passage, Share, Trace, Training

SHARES = ["source", "records", "tokens", "epochs", "first loss", "last loss"]
PASSAGES = ["stage", "plugin", "package", "in", "out", "left", "artifact"]


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
    click.echo(f"starts from {found.base}" if found.base else "starts from random weights")
    for made in found.trainings:
        click.echo(f"\n{title(made)}\n")
        section(made)


def section(made: Training) -> None:
    """Print the sources of one training, the stages behind them, and how the model was measured."""
    from finery.cli.render import emit

    emit([row(share) for share in made.shares], SHARES, False)
    for share in made.shares:
        if share.passages:
            click.echo(f"\n{share.source} came through")
            emit([step(passage) for passage in share.passages], PASSAGES, False)
    if made.measured:
        click.echo("\nmeasured by")
        emit(made.measured, ["stage", "name", "source", "value"], False)


def title(made: Training) -> str:
    """Two lines on a training: who did it, how long, how well; and what it is called by content."""
    steps = f"{made.steps:,} {'step' if made.steps == 1 else 'steps'}" if made.steps else "no steps were recorded"
    losses = [loss for loss in (made.first_loss, made.last_loss) if loss is not None]
    loss = f", loss {' to '.join(f'{loss:.3f}' for loss in losses)}" if losses else ""
    head = f"{made.stage}: {made.plugin} ({made.package}), {steps}{loss}, {made.seconds:,.0f} s"
    return f"{head}\n  artifact {made.artifact}, model {made.model}"


def row(share: Share) -> dict[str, Any]:
    """A line on a source."""
    losses = {"first loss": share.first_loss, "last loss": share.last_loss}
    return {**asdict(share), "source": share.source or "?", **losses}


def step(passage: Passage) -> dict[str, Any]:
    """A line on a stage."""
    left = ", ".join(f"{count:,} {reason}" for reason, count in passage.reasons.items())
    drawn = f"{passage.epochs:.4g} epochs" if passage.epochs is not None else ""
    told = {"left": "; ".join(filter(None, [drawn, left])), "artifact": passage.artifact[:8]}
    return {**asdict(passage), "in": passage.records_in, "out": passage.records_out, **told}
