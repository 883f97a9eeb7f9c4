"""The evaluation `checklist`: nine dimensions of what a model can do, from tagged items, as a table and a radar."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from finery import Evaluation, File, Journal, Model, Needs, Stage, World, hookimpl, plugin
from finery_plugins.evaluate.checklist_facts import FACTS
from finery_plugins.evaluate.checklist_reasoning import REASONING
from finery_plugins.evaluate.checklist_rows import DIMENSIONS
from finery_plugins.evaluate.checklist_speech import SPEECH
from finery_plugins.evaluate.items import Occurrences
from finery_plugins.evaluate.options import (
    BatchOption,
    JudgeLocal,
    JudgeRetries,
    JudgeSampling,
    JudgeServer,
    SubjectSampling,
    SubjectServer,
    TemplateOption,
    asking,
    coherent,
    judge,
    subject,
)
from finery_plugins.evaluate.prompts import evaluated
from finery_plugins.evaluate.questions import Question, in_file, numbered, question
from finery_plugins.generate.options import AnswersOption, Sampling
from finery_plugins.train.site import place

DATA = "checklist"


@plugin(needs=Needs(cpus=2, extra="train"))
class Checklist:
    """Score a model on nine dimensions.

    They are knowledge, understanding, generation, long text, ethics, dialogue, logic, problem solving and sentiment.
    108 items of our own come with it, twelve a dimension, half in English and half in Chinese, checked by rules. A file
    of yours, of the kind that `prompts` reads, adds items or replaces ours; an item counts for the dimensions among its
    tags, and a tag that is none of the nine becomes a dimension of its own. The numbers are shares of items answered
    rightly: small, so a difference of a few points between two models is chance; `compare` says so.

    Metrics as of `prompts`, by tag, and `radar/<dimension>`. The stage's folder holds `table.md`, `radar.json` and
    `radar.svg`. Checks of JSON need the extra `eval`.

    ```toml
    [[stage]]
    evaluate = "checklist"
    file = "our-own.jsonl"
    ```
    """

    file: File | None = None
    """A JSONL or TOML file of tagged items."""
    ours: Literal["add", "replace"] = "add"
    """Whether the file's items come to ours, or in their place."""
    server: SubjectServer = None
    sampling: SubjectSampling = Field(default_factory=lambda: Sampling(max_tokens=512))
    template: TemplateOption = "auto"
    batch: BatchOption = 1
    answers: AnswersOption = None
    judge: JudgeLocal = None
    judge_server: JudgeServer = None
    judge_sampling: JudgeSampling = Field(default_factory=Sampling)
    judge_retries: JudgeRetries = 2

    @model_validator(mode="after")
    def goes_together(self) -> Checklist:
        """Raise ValueError for options that exclude each other."""
        if self.ours == "replace" and self.file is None:
            raise ValueError('ours = "replace" needs a file with the items in their place')
        made: Checklist = coherent(self)
        return made

    @hookimpl
    def evaluate(self, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal) -> Evaluation:
        """Metrics, and a row an item. Raises UsageError for items that cannot be read, before anything is asked."""
        how = asking(self, out, world, place(stage))
        questions = list(self.questions())
        who, says = subject(self, model, how), judge(self, out)
        found = evaluated(questions, len(questions), who, says, out, journal, "grade", self.batch)
        radar = radar_of(found.metrics, questions)
        left(out, radar, Counter(tag for one in questions for tag in one.tags))
        return Evaluation({**found.metrics, **{f"radar/{name}": share for name, share in radar.items()}}, found.items)

    def questions(self) -> Iterator[Question]:
        """Our items and those of the file."""
        if self.ours == "add":
            yield from shipped()
        if self.file is not None:
            yield from in_file(Path(self.file), [])


def shipped() -> Iterator[Question]:
    """The items that come with the checklist."""
    seen = Occurrences()
    for number, row in enumerate((*FACTS, *REASONING, *SPEECH), 1):
        yield numbered(question(row, DATA, (), f"{DATA}:{number}"), seen)


def radar_of(metrics: Mapping[str, float], questions: Iterable[Question]) -> dict[str, float]:
    """The accuracy of each dimension, the nine in their order and then others; what has no item is left out.

    Tags of languages are no dimensions.
    """
    tags = {tag for one in questions for tag in one.tags} - {"en", "zh"}
    names = [name for name in DIMENSIONS if name in tags] + sorted(tags - set(DIMENSIONS))
    return {name: metrics[f"accuracy/{name}"] for name in names if f"accuracy/{name}" in metrics}


def left(out: Path, radar: Mapping[str, float], items: Mapping[str, int]) -> None:
    """Leave the table and the radar for readers."""
    lines = [f"| {name} | {items[name]} | {100 * share:.1f} |" for name, share in radar.items()]
    head = ["| dimension | items | right, in % |", "| --- | --- | --- |"]
    (out / "table.md").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    (out / "radar.json").write_text(json.dumps(radar, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "radar.svg").write_text(svg(radar), encoding="utf-8")


def corners(shares: Sequence[float], radius: float) -> list[tuple[float, float]]:
    """Points around the middle, the first at the top, clockwise."""
    turns = [2 * math.pi * at / len(shares) for at in range(len(shares))]
    return [
        (radius * share * math.sin(a), -radius * share * math.cos(a)) for share, a in zip(shares, turns, strict=True)
    ]


def svg(radar: Mapping[str, float]) -> str:
    """A drawing of the shares: a ring for each quarter, a corner for each dimension."""
    count = max(len(radar), 1)
    rings = "".join(outline([quarter / 4] * count, 'fill="none" stroke="#bbb"') for quarter in range(1, 5))
    filled = outline(list(radar.values()) or [0.0], 'fill="#3b6ea5" fill-opacity="0.35" stroke="#3b6ea5"')
    labels = "".join(
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escaped(name)} {100 * share:.0f}</text>'
        for (name, share), (x, y) in zip(radar.items(), corners([1.0] * count, 118), strict=False)
    )
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-170 -140 340 280" font-size="9" font-family="sans-serif">'
    )
    return f"{opening}{rings}{filled}{labels}</svg>\n"


def escaped(text: str) -> str:
    """A text as XML takes it."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def outline(shares: Sequence[float], style: str) -> str:
    """A polygon through the shares."""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners(shares, 100))
    return f'<polygon points="{points}" {style}/>'
