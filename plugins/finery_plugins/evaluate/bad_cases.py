"""The evaluation `bad-cases`: what is wrong with each wrong answer, why, and which training records are behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from finery import (
    Dataset,
    Evaluation,
    EvaluationName,
    Journal,
    Model,
    Needs,
    Search,
    Stage,
    UsageError,
    hookimpl,
    plugin,
)  # fmt: skip
from finery_plugins.evaluate.causes import ORDER, Case, Grounds, causes, fate
from finery_plugins.evaluate.changing import Changes
from finery_plugins.evaluate.items import Row, Rows, fingerprint_of, rows_of
from finery_plugins.evaluate.journals import Trail
from finery_plugins.evaluate.keeping import groups, kept_rows
from finery_plugins.evaluate.reading import items_in, paired
from finery_plugins.evaluate.symptoms import Whole, is_bad, symptoms
from finery_plugins.evaluate.teaching import Taught, Teaching
from finery_plugins.train.site import place

Pair = tuple[Row, "Row | None"]
IMPORTED = "evaluation"
"""What logs of others are called while they are read."""


@plugin(needs=Needs(cpus=1, extra="search"))
class BadCases:
    """Name what is wrong with each wrong answer of an evaluation and why, with the training records behind it.

    Labels of form: `unanswered`, `refusal`, `no-end`, `repetition`, `truncation`, `wrong-language`, `format`; of what
    is said: `option-letter`, `numeric`; and why: `taught-wrong` (more training records near the question's terms hold
    the wrong answer than the right one), `forgotten` (the base model had it right), `pattern-over-fit` (many questions
    get the same answer, or the right one is learnt by heart in another wording alone), `under-training` (the right one
    stands in records whose loss is still high, or that went into no step), `capacity` (in records that were read again
    and again and are not learnt), `hallucination` (neither stands there), `unexplained`. Each rule that holds gives
    its label, with the evidence in a sentence; `cause` in the details is the one that explains most.

    A row is an item of that evaluation whose answer is wrong, under the same `item`, `model` and `data`. Details:
    `labels`; `wrong` and `right` (how many training records hold that answer near the question's rarest words, how many
    anywhere, how many of them were trained on, their loss in the first and last epoch); `nearest` training records by
    question and answer, with steps and losses; `base`, whether the base model had it right. The records are those that
    the stage sees, searched by an index that is built once for what they hold; the model's training tells of losses.

    Metrics: `items`, `bad_cases`, and of these by label and, as `cause/<label>`, by cause. `finery propose` turns what
    was found into a pipeline with other data: see `finery propose --help`.

    ```toml
    [[stage]]
    evaluate = "bad-cases"
    evaluation = "prompts"
    base = "prompts-of-base"
    ```
    """

    evaluation: EvaluationName
    """The evaluation whose wrong answers are looked at: an evaluate stage's id, `run/stage`, a folder or a file."""
    base: EvaluationName | None = None
    """One of the same items by the base model; of a `compare`, its items say it already."""
    grounds: Grounds = Field(default_factory=Grounds)
    """From where on a cause is named."""
    records: Annotated[int, Field(ge=0, le=1000)] = 10
    """Training records named with each item at most, and as many nearest ones. Proposed changes have all of them."""
    batch: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Items kept together: an interrupted stage repeats so many at most."""

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, out: Path, stage: Stage, journal: Journal, search: Search
    ) -> Evaluation:
        """Metrics, and a row a wrong answer. Raises UsageError without a model, MissingExtra without tantivy."""
        where = place(stage)
        if model is None:
            raise UsageError.at(where, "has no model whose answers to explain", "set `model`, or train one before it")
        out.mkdir(parents=True, exist_ok=True)
        trail = Trail(Path(model.path).parent, out)
        try:
            explaining = Explaining(self, Teaching(search, trail), out, where, journal)
            return explaining.run((fingerprint_of(model), examples.fingerprint))
        finally:
            trail.close()


@dataclass(frozen=True)
class Explaining:
    """One evaluation under way."""

    options: BadCases
    teaching: Teaching
    out: Path
    where: str
    journal: Journal

    def run(self, names: tuple[str, str]) -> Evaluation:
        """Every wrong answer explained; memory grows with their number by the words of each alone."""
        whole, rows, counts, changes, done = Whole(), Rows(self.out), Counter[str](), Changes(), 0
        for row, _ in self.pairs():
            whole.add(row)
        bad = (pair for pair in self.pairs() if is_bad(pair[0]))
        for group in groups(bad, self.options.batch):
            found = self.explained(group, whole, names)
            rows.add([replace(row, details=shown(row, self.options.records)) for row in found])
            for row in found:
                counts.update([*(one["label"] for one in row.details["labels"]), f"cause/{row.details['cause']}"])
                changes.add(row)
            done += len(group)
            self.journal.progress(done, whole.wrong, "items")
        for line in changes.notes():
            self.journal.note(line)
        (self.out / f"{IMPORTED}.parquet").unlink(missing_ok=True)
        said = {f"bad_cases/{name}": float(count) for name, count in sorted(counts.items())}
        metrics = {"items": float(whole.items), "bad_cases": float(whole.wrong), **said}
        return Evaluation(metrics, rows.read(), changes=changes.made())

    def pairs(self) -> Iterator[Pair]:
        """Each item, and that of the base model where there is one."""
        after = Path(self.options.evaluation)
        if self.options.base is not None:
            yield from paired(Path(self.options.base), after, self.out, self.where, self.journal)
            return
        place = items_in(after, self.out, IMPORTED, self.where)
        for row in rows_of(place):
            before = row.details.get("before")
            yield row, None if before is None else replace(row, correct=before["correct"])

    def explained(self, group: Sequence[Pair], whole: Whole, names: tuple[str, str]) -> list[Row]:
        """The rows of a group, from before or made now."""
        content: dict[str, Any] = {"names": names, "grounds": asdict(self.options.grounds), "whole": whole.told()}
        content["items"] = [[asdict(row), None if before is None else before.correct] for row, before in group]
        return kept_rows(self.out, content, lambda: [self.explain(*pair, whole) for pair in group])

    def explain(self, row: Row, before: Row | None, whole: Whole) -> Row:
        """The row of a wrong answer."""
        base = None if before is None else before.correct
        case = Case(row, base, whole, self.teaching, self.options.grounds)
        if row.target and row.answer:
            wrong = self.teaching.of(row.answer, row.prompt, row.target)
            right = self.teaching.of(row.target, row.prompt, row.answer)
            case = replace(case, wrong=wrong, right=right)
        labels = sorted(causes(case, list(symptoms(row, whole))), key=lambda one: ORDER.index(one.label))
        details = {
            "cause": labels[0].label,
            "labels": [{**asdict(one), "blamed": list(one.blamed), "helps": list(one.helps)} for one in labels],
            "wrong": kept(case.wrong),
            "right": kept(case.right),
            "base": base,
            "nearest": self.nearest(row),
        }
        return replace(row, details=details)

    def nearest(self, row: Row) -> list[dict[str, Any]]:
        """The nearest training records, each with its steps and losses."""
        found = self.teaching.nearest(row.prompt, row.target or row.answer or "", self.options.records)
        fates = self.teaching.told([hit.record for hit in found.hits])
        return [
            {"record": hit.record, "source": hit.source, "excerpt": hit.excerpt, **fate(fates[hit.record])}
            for hit in found.hits
        ]


def kept(taught: Taught | None) -> dict[str, Any] | None:
    """What a row keeps of the records that hold an answer."""
    return None if taught is None else taught.told()


def shown(row: Row, most: int) -> dict[str, Any]:
    """A row's details with so many records named at most; what changes are proposed has them all."""
    labels = [
        {**one, "blamed": one["blamed"][:most], "helps": one["helps"][:most]}
        | {"of_blamed": len(one["blamed"]), "of_helps": len(one["helps"])}
        for one in row.details["labels"]
    ]
    sides = {
        name: side and {**side, "records": side["records"][:most]}
        for name, side in row.details.items()
        if name in ("wrong", "right")
    }
    return {**row.details, "labels": labels, **sides}
