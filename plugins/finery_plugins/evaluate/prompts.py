"""The evaluation `prompts`: real prompts, answers kept, checked by rules and, if wanted, judged by a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from finery import Dataset, Evaluation, File, Journal, Model, Needs, Stage, World, hookimpl, plugin
from finery_plugins.evaluate.asking import Asked, asked, checked, judged, parts, retried
from finery_plugins.evaluate.checks import Check
from finery_plugins.evaluate.items import Row, Rows
from finery_plugins.evaluate.judging import Judge, Judgement
from finery_plugins.evaluate.options import (
    BatchOption,
    JudgeLocal,
    JudgeRetries,
    JudgeSampling,
    JudgeServer,
    LimitOption,
    SplitOption,
    SubjectSampling,
    SubjectServer,
    TemplateOption,
    asking,
    coherent,
    judge,
    subject,
)
from finery_plugins.evaluate.questions import Question, in_file, in_records
from finery_plugins.evaluate.subject import Subject
from finery_plugins.evaluate.tallies import Tallies
from finery_plugins.generate.options import AnswersOption, Sampling
from finery_plugins.train.records import Records
from finery_plugins.train.site import place


@plugin(needs=Needs(cpus=2, extra="train"))
class Prompts:
    """Ask a model the prompts of a file, or of the stage's records, and check what it answers.

    A JSONL file has one item a line, a TOML file `[[item]]` tables: `prompt` or `messages`, and any of `system`,
    `target` (the right answer), `checks`, `tags`, `source`, `id`. Of records, what stands before the last answer is
    asked, and that answer is the target. An answer is right where all of its checks pass; without checks nobody can
    tell, and it is counted as `unchecked`. Answers are kept in the stage's folder: an interrupted stage asks for none
    of them again. An item that gets no answer keeps its row, with the error, and is counted as `unanswered`.

    Metrics: `accuracy`, `score` (mean share of checks passed), `items`, `unanswered`, `unchecked`, and with a judge
    `judge` and `unjudged`; over all, and by source and tag.

    ```toml
    [[stage]]
    evaluate = "prompts"
    file = "tickets.jsonl"
    checks = [{ check = "no-refusal" }, { check = "length", at_most = 120 }]
    ```
    """

    file: File | None = None
    """A JSONL or TOML file of items; where not given, the stage's records."""
    checks: list[Check] = Field(default_factory=list)
    """The checks of items that bring none. Those that need a right answer are left out where an item has none."""
    split: SplitOption = "validation"
    limit: LimitOption = None
    server: SubjectServer = None
    sampling: SubjectSampling = Field(default_factory=Sampling)
    template: TemplateOption = "auto"
    batch: BatchOption = 1
    answers: AnswersOption = None
    judge: JudgeLocal = None
    judge_server: JudgeServer = None
    judge_sampling: JudgeSampling = Field(default_factory=Sampling)
    judge_retries: JudgeRetries = 2
    judge_how: Literal["grade", "pair"] = "grade"
    """`grade` gives each answer a number; `pair` holds it against the target, in both orders."""

    @model_validator(mode="after")
    def goes_together(self) -> Prompts:
        """Raise ValueError for options that exclude each other."""
        made: Prompts = coherent(self)
        return made

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """Metrics, and a row an item. Raises UsageError for items that cannot be read, before anything is asked."""
        how = asking(self, out, world, place(stage))

        def questions() -> Iterable[Question]:
            if self.file is not None:
                return in_file(Path(self.file), self.checks)
            return in_records(Records(examples, stage, self.split), self.limit, self.checks)

        total = sum(1 for _ in questions())
        who, says = subject(self, model, how), judge(self, out)
        return evaluated(questions(), total, who, says, out, journal, self.judge_how, self.batch)


def evaluated(
    questions: Iterable[Question],
    total: int,
    who: Subject,
    says: Judge | None,
    out: Path,
    journal: Journal,
    how: str,
    batch: int,
) -> Evaluation:
    """Every item asked, checked and judged; memory does not grow with their number."""
    rows, tallies, done = Rows(out), Tallies(), 0
    for part in parts(questions, batch):
        found = list(rows_for(asked(who, part, 0), who.model, says, how))
        rows.add(found)
        for row in found:
            tallies.add(row)
        done += len(part)
        journal.progress(done, total, "items")
    retried([who.chats.writer, *([says.chats.writer] if says else [])], journal)
    return Evaluation(tallies.metrics(), rows.read())


def rows_for(said: Asked, model: str, says: Judge | None, how: str) -> Iterator[Row]:
    """The rows of some items."""
    others: Sequence[str | None] | None = [one.target for one in said.questions] if how == "pair" else None
    verdicts = judged(says, said, others)
    for question, answer, verdict in zip(said.questions, said.said, verdicts, strict=True):
        yield with_judgement(checked(question, answer, model), verdict)


def with_judgement(row: Row, verdict: Judgement | None) -> Row:
    """The row with what the judge said; of an item without checks, its score is the judge's."""
    if verdict is None:
        return row
    score = verdict.score if row.score is None else row.score
    return replace(row, score=score, details={**row.details, "judge": verdict.told()})
