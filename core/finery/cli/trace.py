"""`finery trace`: what made a model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from finery.cli.render import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from finery.cli.render import Branch
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
    """Print a trace as a tree: the model, its sources with the stages they came through, the model before it."""
    from finery.cli.render import tree

    tree(grown(found.trainings, found.base))


def grown(trainings: Sequence[Training], base: str | None) -> Branch:
    """The branch of the last training; those before it hang below."""
    from finery.cli.render import Branch

    made = trainings[-1]
    branch = Branch(title(made))
    branch.add(f"artifact {made.artifact}, model {made.model}")
    for share in made.shares:
        fed = branch.add(sentence(share))
        for passage in share.passages:
            fed.add(step(passage))
    for line in dict.fromkeys((row["stage"], row["name"]) for row in made.measured):
        branch.add(measured(*line, [row for row in made.measured if (row["stage"], row["name"]) == line]))
    if len(trainings) > 1:
        branch.branches.append(grown(trainings[:-1], base))
    else:
        branch.add(f"starts from {base}" if base else "starts from random weights")
    return branch


def title(made: Training) -> str:
    """A line on a training: who did it, how long, how well."""
    steps = f"{made.steps:,} {'step' if made.steps == 1 else 'steps'}" if made.steps else "no steps were recorded"
    loss = change(made.first_loss, made.last_loss)
    return f"{made.stage}: {made.plugin} ({made.package}), {steps}{loss}, {made.seconds:,.0f} s"


def change(first: float | None, last: float | None) -> str:
    """`, loss 3.100 to 2.200`, or nothing."""
    losses = [f"{loss:.3f}" for loss in (first, last) if loss is not None]
    return f", loss {' to '.join(losses)}" if losses else ""


def sentence(share: Share) -> str:
    """A line on a source: `packages: 680 records, 41,200 tokens, 1.2 epochs, loss 5.1 to 3.9`."""
    epochs = f", {share.epochs:.4g} epochs" if share.epochs is not None else ""
    counts = f"{share.records:,} records, {share.tokens:,} tokens" if share.records else "no steps were recorded"
    return f"{share.source or '?'}: {counts}{epochs}{change(share.first_loss, share.last_loss)}"


def step(passage: Passage) -> str:
    """A line on a stage: `length (filter length): 928 to 864, 64 few-words`."""
    drawn = [f"{passage.epochs:.4g} epochs"] if passage.epochs is not None else []
    left = [f"{count:,} {reason}" for reason, count in passage.reasons.items()]
    told = ", ".join([f"{passage.records_in:,} to {passage.records_out:,}", *drawn, *left])
    return f"{passage.stage} ({passage.hook} {passage.plugin}, {passage.package}): {told}"


def measured(stage: str, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A line on a measure: `measured by before: bits_per_byte 2.741 (packages 2.709, stdlib 2.816)`."""
    whole = [text(row["value"]) for row in rows if row["source"] is None]
    parts = [f"{row['source']} {text(row['value'])}" for row in rows if row["source"] is not None]
    told = [*whole, f"({', '.join(parts)})"] if parts else whole
    return f"measured by {stage}: {name} {' '.join(told)}"
