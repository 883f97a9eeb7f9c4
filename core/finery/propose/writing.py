"""Changes to a pipeline file: the stages that carry them out, each with its evidence above it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from finery.errors import UsageError
from finery.propose.change import Change
from finery.propose.gathered import Asked
from finery.propose.pipeline import comment, table, with_source, with_stages

EXAMPLES = "proposed-examples"
"""The source of new records."""
VARIED = {"copies": 2, "typos": 0.02, "synonyms": 0.2, "reorder": 0.5}
"""How prompts are varied: little enough that the answer stays right. Ours."""


@dataclass(frozen=True)
class Proposal:
    """A pipeline that is proposed, and the files beside it."""

    text: str
    files: dict[str, list[Any]]
    """Rows of each JSONL file by its name."""


def proposed(text: str, file: Path, name: str, run: str, asked: Sequence[Asked], teach: bool) -> Proposal:
    """The pipeline of a file with what is asked of it; `name` is what its files are called.

    With `teach`, what was answered wrongly becomes a source with the right answers.
    """
    files: dict[str, list[Any]] = {}
    for number, one in enumerate(asked):
        suffix = f"-{one.stage.id}" if number else ""
        listing, examples = f"{name}{suffix}.jsonl", f"{name}{suffix}.examples.jsonl"
        found = f"{', '.join(one.evaluations)}, on the model of '{one.stage.id}'"
        head = f"Proposed by `finery propose` from run {run}: {found}."
        blocks = [comment([head, *outside(one)]), *stages(one, listing, suffix)]
        text = with_stages(text, file, one.stage.id, blocks)
        if lines := one.lines():
            files[listing] = lines
        if teach and (rows := one.examples()):
            files[examples] = rows
            text = with_source(text, file, EXAMPLES + suffix, source(one, examples, suffix), one.stage.id)
    return Proposal(text, files)


def outside(asked: Asked) -> Iterator[str]:
    """What the training's own records cannot mend."""
    for source, count in asked.elsewhere.items():
        yield (
            f"{count} records of source '{source}' would help, and '{asked.stage.id}' does not see it: "
            "let its `only` have it, or turn them into its shape."
        )


def stages(asked: Asked, listing: str, suffix: str) -> Iterator[str]:
    """The stages that carry changes out."""
    common = {"only": list(asked.stage.sources)}
    if drops := of(asked, "drop"):
        values = {"id": f"proposed-drop{suffix}", "filter": "listed", "file": listing}
        yield f"{comment(evidence(drops))}\n{table({**values, **common})}"
    marks, repeats = of(asked, "repeat", "vary"), of(asked, "repeat")
    if marks:
        values = {"id": f"proposed-marks{suffix}", "score": "listed", "file": listing}
        yield f"{comment(evidence(marks))}\n{table({**values, **common})}"
    if of(asked, "vary"):
        values = {"id": f"proposed-variations{suffix}", "format": "augment", "where": "vary"}
        yield table({**values, **VARIED, **common})
    if repeats:
        yield table({"id": f"proposed-times{suffix}", "mix": "times", "column": "times", **common})


def of(asked: Asked, *kinds: str) -> list[Change]:
    """The changes of some kinds that name records."""
    return [change for change in asked.changes if change.do in kinds and change.records]


def evidence(changes: Sequence[Change]) -> Iterator[str]:
    """A sentence a change."""
    for change in changes:
        how = f" {change.times} times" if change.do == "repeat" else ""
        yield f"{change.cause}: {change.do} {len(change.records)} records{how}. {change.why}"


def source(asked: Asked, examples: str, suffix: str) -> str:
    """The source of what was answered wrongly."""
    named = ", ".join(sorted({change.cause for change in asked.changes if change.examples}))
    said = (
        f"What {', '.join(asked.evaluations)} found answered wrongly ({named}), with the right answers: the next run "
        "learns them, so their evaluation measures them no more. Hold others out."
    )
    return f'{comment([said])}\n[[source]]\nname = "{EXAMPLES}{suffix}"\npath = "{examples}"\nshape = "messages"'


def write(proposal: Proposal, to: Path) -> list[Path]:
    """Write the pipeline and its files. Raises UsageError where one is there already."""
    places = [to, *(to.with_name(name) for name in proposal.files)]
    for place in places:
        if place.exists():
            raise UsageError.at(place, "is there already", "name another with --to, or take it away")
    for name, rows in proposal.files.items():
        to.with_name(name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    to.write_text(proposal.text, encoding="utf-8")
    return places
