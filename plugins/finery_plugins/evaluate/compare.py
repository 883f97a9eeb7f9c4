"""The evaluation `compare`: two models on the same items, what was lost and won, and gates on forgetting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from finery import (
    Dataset,
    Evaluation,
    EvaluationName,
    File,
    Journal,
    Model,
    ModelName,
    Needs,
    Stage,
    UsageError,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.evaluate.asking import asked, checked, judged, parts, retried
from finery_plugins.evaluate.checklist import shipped
from finery_plugins.evaluate.checks import Check
from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.judging import Judge
from finery_plugins.evaluate.options import (
    BatchOption,
    JudgeLocal,
    JudgeRetries,
    JudgeSampling,
    JudgeServer,
    LimitOption,
    SplitOption,
    SubjectSampling,
    TemplateOption,
    asking,
    coherent,
    judge,
)
from finery_plugins.evaluate.questions import Question, in_file, in_records
from finery_plugins.evaluate.reading import paired
from finery_plugins.evaluate.subject import Subject
from finery_plugins.evaluate.verdicts import Verdicts
from finery_plugins.generate.options import AnswersOption, Sampling
from finery_plugins.train.records import Records
from finery_plugins.train.site import place

Gate: TypeAlias = Annotated[float, Field(ge=-1, le=0)]


@plugin(needs=Needs(cpus=2, extra="train"))
class Compare:
    """Compare two models on the same items: what was right and is wrong now, and the other way round.

    `against` asks both models the same: `base` is the model that the stage's own was trained from; or name a train
    stage, a folder or a hub's name. Items are those of `file` (as `prompts` reads them), of the stage's records, or of
    the checklist. `before` and `after` ask nobody: they name two evaluations that are there, whatever plugin made them,
    and pair their items.

    Metrics, over all and by source and tag: the four outcomes, `accuracy_before`, `accuracy_after`, `difference` with
    its 95 % bootstrap interval (`difference_low`, `difference_high`), `mcnemar_p` (exact), `unpaired`; with a judge
    `judge_wins`, `judge_losses`, `judge_ties`, each pair judged in both orders. `broken.jsonl` in the stage's folder
    lists what was right before and is wrong now, with both answers. Where a gate of `fail_if` does not hold, all of
    this is kept, and then the run fails with exit code 1.

    ```toml
    [[stage]]
    evaluate = "compare"
    against = "base"
    fail_if = { all = -0.05, knowledge = -0.02 }
    ```
    """

    against: ModelName | None = None
    """The other model: `base`, a train stage's id, a folder, or a hub's name."""
    before: EvaluationName | None = None
    """An evaluation of the other model: an evaluate stage's id, `run/stage`, a folder or a file of items or logs."""
    after: EvaluationName | None = None
    """The evaluation that is held against it."""
    fail_if: dict[str, Gate] = Field(default_factory=dict)
    """By source or tag, or `all`: the run fails where the accuracy changed by this much or worse, such as -0.02."""
    file: File | None = None
    """A JSONL or TOML file of items."""
    ask: Literal["checklist", "records"] = "checklist"
    """Whose items are asked where no `file` is given."""
    checks: list[Check] = Field(default_factory=list)
    """The checks of items that bring none, as for `prompts`."""
    split: SplitOption = "validation"
    limit: LimitOption = None
    sampling: SubjectSampling = Field(default_factory=lambda: Sampling(max_tokens=512))
    template: TemplateOption = "auto"
    batch: BatchOption = 1
    answers: AnswersOption = None
    judge: JudgeLocal = None
    judge_server: JudgeServer = None
    judge_sampling: JudgeSampling = Field(default_factory=Sampling)
    judge_retries: JudgeRetries = 2

    @model_validator(mode="after")
    def goes_together(self) -> Compare:
        """Raise ValueError for options that exclude each other."""
        if (self.before is None) != (self.after is None):
            raise ValueError("before and after belong together: name both evaluations")
        if (self.against is None) == (self.before is None):
            raise ValueError('compared with what? give against = "base" or another model, or before and after')
        made: Compare = coherent(self)
        return made

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """Metrics, a row an item, and the gates that do not hold. Raises UsageError where there is nothing to pair."""
        where = place(stage)
        out.mkdir(parents=True, exist_ok=True)
        verdicts = Verdicts(out)
        if self.before is not None and self.after is not None:
            for after, before in paired(Path(self.before), Path(self.after), out, where, journal):
                verdicts.add(after, before)
            return verdicts.evaluation(self.fail_if, where)
        if model is None:
            raise UsageError.at(where, "has no model to compare", "set `model`, or train one before it")
        how = asking(self, out, world, where)
        total = sum(1 for _ in self.questions(examples, stage))
        both = how.local(other(str(self.against))), how.local(model)
        says, done = judge(self, out), 0
        for part in parts(self.questions(examples, stage), self.batch):
            for after, before in pairs(part, both, says):
                verdicts.add(after, before)
            done += len(part)
            journal.progress(done, total, "items")
        retried([says.chats.writer] if says else [], journal)
        return verdicts.evaluation(self.fail_if, where)

    def questions(self, examples: Dataset, stage: Stage) -> Iterable[Question]:
        """What both models are asked."""
        if self.file is not None:
            return in_file(Path(self.file), self.checks)
        if self.ask == "checklist":
            return shipped()
        return in_records(Records(examples, stage, self.split), self.limit, self.checks)


def other(name: str) -> Model:
    """The model in a folder, or of a hub's name."""
    return Model(Path(name), Path(name).parent.name if Path(name).name == "out" else name, name)


def pairs(part: list[Question], both: tuple[Subject, Subject], says: Judge | None) -> Iterator[tuple[Row, Row]]:
    """The rows of some items, of the later model and of the earlier one; the judge compares their answers."""
    before, after = (asked(subject, part, 0) for subject in both)
    found = judged(says, after, [one.text for one in before.said])
    for at, question in enumerate(part):
        row = checked(question, after.said[at], both[1].model)
        if (verdict := found[at]) is not None:
            row = replace(row, details={**row.details, "judge": verdict.told()})
        yield row, checked(question, before.said[at], both[0].model)
