"""Items asked, answers checked and judged, rows kept: what `prompts`, `checklist` and `compare` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from finery import Journal
from finery_plugins.evaluate.checks import Unheld, verdict
from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.judging import Judge, Judgement
from finery_plugins.evaluate.questions import Question
from finery_plugins.evaluate.subject import Said, Subject
from finery_plugins.generate.server import ServerWriter

TOGETHER = 256
"""Items in memory at once, at least."""


def parts(questions: Iterable[Question], batch: int) -> Iterator[list[Question]]:
    """Items in stretches of a fixed length, a multiple of `batch`, so that groups do not depend on anything else."""
    each = iter(questions)
    while found := list(islice(each, -(-TOGETHER // batch) * batch)):
        yield found


@dataclass(frozen=True)
class Asked:
    """Items and what a model said to them."""

    questions: Sequence[Question]
    said: Sequence[Said]


def asked(subject: Subject, questions: Sequence[Question], seed: int) -> Asked:
    """The answers of a model. Raises FineryError for the run's end; what was answered is kept."""
    return Asked(questions, subject.said([one.messages for one in questions], seed))


def checked(question: Question, said: Said, model: str) -> Row:
    """The row of an answer: right where every check passes; without a check, or an answer, nobody can tell."""
    row = Row(
        question.item, model, question.data, question.source, question.tags, question.prompt, said.text, question.target
    )
    details: dict[str, Any] = {"finish": said.finish} | ({"cost": said.cost} if said.cost else {})
    details |= {"error": said.error} if said.error else {}
    if said.text is None or not question.checks:
        return replace(row, details=details)
    found = {}
    for number, check in enumerate(question.checks):
        name = check.check if check.check not in found else f"{check.check}-{number + 1}"
        try:
            one = verdict(check, said.text, question.target)
        except Unheld as error:
            return replace(row, details={**details, "error": str(error)})
        found[name] = {"passed": one.passed} | ({} if one.passed else {"why": one.why})
    passed = [one["passed"] for one in found.values()]
    score = sum(map(bool, passed)) / len(passed)
    return replace(row, details={**details, "checks": found}, correct=all(passed), score=score)


def judged(judge: Judge | None, asked: Asked, others: Sequence[str | None] | None = None) -> list[Judgement | None]:
    """What the judge says of each answer: against another where there is one, else on its own."""
    if judge is None:
        return [None] * len(asked.questions)

    def one(at: int) -> Judgement | None:
        text, other = asked.said[at].text, (others or [None] * len(asked.said))[at]
        if text is None or (others is not None and other is None):
            return None
        question = asked.questions[at]
        return judge.grade(question, text) if other is None else judge.pair(question, text, other)

    return judge.chats.each(len(asked.questions), one)


def retried(writers: Sequence[Any], journal: Journal) -> None:
    """Tell how often servers were asked again, and why the last time."""
    faults = [fault for writer in writers if isinstance(writer, ServerWriter) for fault in writer.faults]
    if faults:
        journal.metric("retries", len(faults))
        journal.note(f"{len(faults)} requests were sent again, the last after: {faults[-1][:200]}")
