"""The evaluation `probe`: where a model leaves the right answer, token by token, and what it knows by heart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from finery import Dataset, Evaluation, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.evaluate.items import Row, Rows, fingerprint_of
from finery_plugins.evaluate.keeping import groups, kept_rows
from finery_plugins.evaluate.options import LimitOption, SplitOption, TemplateOption
from finery_plugins.evaluate.probed import Prober, Sums
from finery_plugins.evaluate.probes import Probed, probes
from finery_plugins.evaluate.subject import loaded
from finery_plugins.evaluate.tokenwise import TokenScorer
from finery_plugins.train.architecture import context_of
from finery_plugins.train.records import Records
from finery_plugins.train.site import demand, place, quieten

PROMPT = "{prompt}"


@plugin(needs=Needs(cpus=2, extra="train"))
class Probe:
    """Measure each token of the right answers: its log-probability and rank, and the entropy at its place.

    Of records with questions (messages, instructions, prompts with completions), the last answer is the target, with
    the token that ends it; of `text`, the whole text. A row's `correct` says whether a greedy answer would be the
    target, `score` is the mean log-probability of its tokens (nats). Its details hold `tokens`, `log_probability`,
    `rank`, `entropy`, and `leaves`: the first token at which the model leaves the target, with what it would rather
    have said. `over_fit` lists tokens that are likely with the own prompt, with none, and with another record's:
    their prompt does not matter. `phrasings` tells of the same target behind other wordings of the prompt.

    Metrics, over all and by source: `items`, `exact` (greedy answers that are the target), `log_probability` and
    `entropy` (nats a token), `first_choice` (share of tokens of rank 1), `ends` (share of targets whose end the model
    holds likeliest), `over_fit` (share of tokens), `consistent` (share of phrasings that agree with the own prompt on
    whether the greedy answer is the target), `spread` (nats a token between the best and the worst phrasing).

    ```toml
    [[stage]]
    evaluate = "probe"
    templates = ["Please answer: {prompt}", "{prompt} Be brief."]
    ```
    """

    split: SplitOption = "validation"
    limit: LimitOption = None
    template: TemplateOption = "auto"
    bound: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The model leaves the target as well where a token's probability is under this, though it be the likeliest."""
    over_fit: Annotated[float, Field(gt=0, le=1)] = 0.9
    """A token counts as over-fit where its probability is at least this whatever the prompt. 0.9 is our choice: at
    that, sampling gives it nine times in ten."""
    templates: list[str] = Field(default_factory=list)
    """Other phrasings: each a text with `{prompt}` where the question stands."""
    phrasings: str | None = None
    """A column with a list of other questions that have the same answer."""
    generate: Annotated[int, Field(ge=0, le=4096)] = 0
    """Tokens of a greedy answer that is measured beside the target (`generated` in the details); 0 makes none."""
    context: Annotated[int | None, Field(ge=8)] = None
    """Tokens in a window; where not given, the model's own, 2,048 at most."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    """Items measured side by side; another number may change the last bits of sums."""
    batch_tokens: Annotated[int, Field(ge=1)] = 16_384
    """Tokens in one forward pass, padding included."""

    @field_validator("templates")
    @classmethod
    def takes_prompts(cls, templates: list[str]) -> list[str]:
        """Raise ValueError for a phrasing without a place for the question."""
        for template in templates:
            if PROMPT not in template:
                raise ValueError(f"'{template}' has no {PROMPT}: put it where the question stands")
        return templates

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """Metrics, and a row an item. Raises UsageError without a model, DataError for sources without text."""
        where = place(stage)
        demand(where, "torch", "transformers", "tokenizers")
        if model is None:
            raise UsageError.at(where, "has no model to measure", "set `model`, or train one before it")
        quieten(world.threads)
        out.mkdir(parents=True, exist_ok=True)
        found, records = loaded(model, where), Records(examples, stage, self.split)
        context = context_of(found.model, self.context, where)
        scorer = TokenScorer(found.model, context, context, self.batch_tokens)
        return Probing(self, Prober(self, found, scorer, where), fingerprint_of(model), out, journal).run(records)


@dataclass(frozen=True)
class Probing:
    """One evaluation under way."""

    options: Probe
    prober: Prober
    model: str
    out: Path
    journal: Journal

    def run(self, records: Records) -> Evaluation:
        """Every item measured; memory does not grow with their number beyond their names."""
        rows, sums, done = Rows(self.out), Sums(), 0
        for group in groups(self.probes(records), self.options.batch):
            found = self.measured(group)
            rows.add(found)
            for row in found:
                sums.add(row)
            done += len(group)
            self.journal.progress(done, records.examples.records, "items")
        return Evaluation(sums.metrics(), rows.read())

    def probes(self, records: Records) -> Iterator[Probed]:
        """The items, in the order of the records."""
        return probes(records, self.options.limit, self.options.phrasings)

    def measured(self, group: list[Probed]) -> list[Row]:
        """The rows of a group, from before or measured now."""
        # The group's own content, prompts of others included, is all that its numbers depend on beside the options.
        content: dict[str, Any] = {"model": self.model, "items": [one.content() for one in group], **self.settings()}
        return kept_rows(self.out, content, lambda: self.prober.rows(group, self.model))

    def settings(self) -> dict[str, Any]:
        """The options that numbers depend on."""
        names = ("template", "bound", "over_fit", "templates", "generate", "context", "batch_tokens")
        return {name: getattr(self.options, name) for name in names}
