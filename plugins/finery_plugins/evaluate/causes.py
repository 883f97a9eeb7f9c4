"""Why an answer is wrong in what it says: rules over the training records, the base model, and what was learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as options

from finery import Hit
from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.json_cuts import fault
from finery_plugins.evaluate.refusing import refuses
from finery_plugins.evaluate.symptoms import FINAL, Label, Whole, folded, repetition, shown
from finery_plugins.evaluate.teaching import Fate, Taught, Teaching

ORDER = (
    "unanswered", "forgotten", "refusal", "no-end", "repetition", "truncation", "wrong-language", "format",
    "taught-wrong", "pattern-over-fit", "under-training", "capacity", "hallucination", "option-letter", "numeric",
    "unexplained",
)  # fmt: skip
"""Labels by how much they explain: the first that an item has is its cause."""


@options(config=ConfigDict(extra="forbid", use_attribute_docstrings=True), frozen=True)
class Grounds:
    """From where on a cause is named. All are ours."""

    learnt: Annotated[float, Field(gt=0)] = 0.5
    """Nats a token in the last epoch under which records count as learnt: a token is then right six times in ten."""
    falling: Annotated[float, Field(gt=0, le=1)] = 0.9
    """The share of its first loss that a record's last one is under while it is still being learnt."""
    alike: Annotated[int, Field(ge=2)] = 3
    """Questions that get one wrong answer before it is called a pattern."""
    near: Annotated[int, Field(ge=1, le=1000)] = 20
    """Nearest records that are looked at for the fault of form that an answer has."""


@dataclass(frozen=True)
class Case:
    """A wrong answer with all that is known of it."""

    row: Row
    base: bool | None
    """Whether the base model had it right; None where nobody says."""
    whole: Whole
    teaching: Teaching
    grounds: Grounds
    wrong: Taught | None = None
    right: Taught | None = None


def causes(case: Case, form: Sequence[Label]) -> Iterator[Label]:
    """Why: where an answer's form is at fault, what the nearest records say of it; else the content's causes."""
    final = next((one for one in form if one.label in FINAL), None)
    if final is not None:
        yield from (replaced(one, case) if one is final else one for one in form)
        if case.base:
            yield forgotten(case)
        return
    yield from form
    yield from content(case)


def content(case: Case) -> Iterator[Label]:
    """The causes of a wrong content; the last resort is that nobody can tell."""
    found = [made for rule in RULES if (made := rule(case)) is not None]
    yield from found
    if not found:
        target = "the item has no target to look for" if case.row.target is None else "no rule holds"
        yield Label("unexplained", f"{target}; see the nearest training records")


def taught_wrong(case: Case) -> Label | None:
    """Training records say what the answer says, more of them than say what is right."""
    wrong, right = case.wrong, case.right
    if wrong is None or right is None or not wrong.total > right.total or folded(wrong.text) == folded(right.text):
        return None
    why = (
        f"'{shown(wrong.text)}' stands in {wrong.total} training records near the question's terms, "
        f"'{shown(right.text)}' in {right.total}"
    )
    return Label("taught-wrong", why, blamed=wrong.records, helps=right.records)


def forgotten_now(case: Case) -> Label | None:
    """The base model had it right."""
    return forgotten(case) if case.base else None


def forgotten(case: Case) -> Label:
    """The model before this training had it right."""
    right = case.right
    why = "the base model had it right"
    if right is not None and right.trained is not None:
        read = f"{right.trained} of them went into this training" if right.total else "so this training had none"
        why += f"; the right answer stands in {right.total} training records near the question's terms, {read}"
    return Label("forgotten", why, helps=() if right is None else right.records)


def pattern(case: Case) -> Label | None:
    """Many questions get this one wrong answer, or the right one is known by heart in another wording alone."""
    answer, right, grounds = case.row.answer or "", case.right, case.grounds
    times = case.whole.said[folded(answer)]
    if times >= grounds.alike:
        known = case.wrong.anywhere if case.wrong else 0
        why = f"{times} questions get '{shown(answer)}', which stands in {known} training records"
        return Label("pattern-over-fit", why, {"questions": times}, helps=right.records if right else ())
    if right and right.total and right.last_loss is not None and right.last_loss <= grounds.learnt:
        why = (
            f"the right answer is learnt by heart in {right.total} training records ({right.last_loss:.2f} nats a "
            "token), and does not come from this question's wording"
        )
        return Label("pattern-over-fit", why, helps=right.records)
    return None


def under_training(case: Case) -> Label | None:
    """The right answer stands in the records, and they are not learnt yet."""
    right, grounds = case.right, case.grounds
    if not right or not right.total:
        return None
    if right.trained == 0:
        why = f"the right answer stands in {right.total} training records, and none of them went into this training"
        return Label("under-training", why, helps=right.records)
    first, last = right.first_loss, right.last_loss
    if first is None or last is None or last <= grounds.learnt:
        return None
    if right.epochs < 2 or last < grounds.falling * first:
        seen = f"from {first:.2f} to {last:.2f}" if right.epochs > 1 else f"{last:.2f} in their one epoch"
        why = f"the right answer stands in {right.total} training records, whose loss is still high: {seen}"
        return Label("under-training", why, helps=right.records)
    return None


def capacity(case: Case) -> Label | None:
    """The right answer stands in records that were read again and again, and are not learnt."""
    right, grounds = case.right, case.grounds
    if not right or not right.total or right.first_loss is None or right.last_loss is None or right.epochs < 2:
        return None
    if right.last_loss <= grounds.learnt or right.last_loss < grounds.falling * right.first_loss:
        return None
    why = (
        f"the right answer stands in {right.total} training records that were read in {right.epochs} epochs, and their "
        f"loss stays: {right.first_loss:.2f} to {right.last_loss:.2f} nats a token"
    )
    return Label("capacity", why, helps=right.records)


def hallucination(case: Case) -> Label | None:
    """No training record near the question's terms holds the right answer, nor the one that was given."""
    wrong, right = case.wrong, case.right
    if wrong is None or right is None or wrong.total or right.total:
        return None
    why = (
        "neither the right answer nor this one stands in a training record near the question's terms "
        f"({right.anywhere} and {wrong.anywhere} anywhere)"
    )
    return Label("hallucination", why)


RULES: tuple[Callable[[Case], Label | None], ...] = (
    taught_wrong, forgotten_now, pattern, under_training, capacity, hallucination,
)  # fmt: skip


def replaced(label: Label, case: Case) -> Label:
    """A label of form with the training records that have the same fault."""
    shows = SHOWS.get(label.label)
    if shows is None:
        return label
    row = case.row
    hits = case.teaching.nearest(row.prompt, row.target or "", case.grounds.near).hits
    alike = [hit for hit in hits if shows(hit, row)]
    evidence = {**label.evidence, "nearest": len(hits), "alike": len(alike)}
    why = f"{label.why}; {len(alike)} of the {len(hits)} nearest training records {SAYS[label.label]}"
    return Label(label.label, why, evidence, tuple(hit.record for hit in alike))


def goes_on(hit: Hit, row: Row) -> bool:
    """Whether a record says what is right and goes on behind it for longer than that."""
    before, found, behind = folded(hit.text).partition(folded(row.target or "\0"))
    return bool(found) and len(behind) > max(len(found), 8) and len(before) > 0


def broken(hit: Hit, _: Row) -> bool:
    """Whether a record has JSON in it that is broken."""
    at = min((place for mark in "{[" if (place := hit.text.find(mark)) >= 0), default=-1)
    return at >= 0 and fault(hit.text[at:]) is not None


def says_again(hit: Hit, row: Row) -> bool:
    """Whether a record ends in repetition."""
    return repetition(row, hit.text, Whole()) is not None


SHOWS: dict[str, Callable[[Hit, Row], bool]] = {
    "refusal": lambda hit, _: any(refuses(line) for line in hit.text.splitlines()),
    "no-end": goes_on,
    "repetition": says_again,
    "format": broken,
}
"""How a training record shows the fault of form that an answer has."""
SAYS = {
    "refusal": "refuse",
    "no-end": "go on behind the right answer",
    "repetition": "end in repetition",
    "format": "hold broken JSON",
}


def fate(told: Fate) -> dict[str, Any]:
    """What a row keeps of a record's fate: what is known."""
    return {name: value for name, value in vars(told).items() if value is not None}
