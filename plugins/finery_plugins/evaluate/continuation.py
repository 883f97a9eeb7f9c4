"""The evaluation `continuation`: whether a model knows a text, and goes on rightly with one that has a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from finery import Dataset, Evaluation, Journal, Model, ModelName, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.evaluate.continuing import Reader, Text
from finery_plugins.evaluate.items import Occurrences, Row, Rows, fingerprint_of, item_id
from finery_plugins.evaluate.keeping import groups, kept_rows
from finery_plugins.evaluate.options import LimitOption, SplitOption
from finery_plugins.evaluate.questions import DRAW, bound
from finery_plugins.evaluate.subject import loaded
from finery_plugins.evaluate.tokenwise import TokenScorer
from finery_plugins.train.architecture import context_of
from finery_plugins.train.records import Records, drawn, shaped
from finery_plugins.train.site import demand, place, quieten


@plugin(needs=Needs(cpus=2, extra="train"))
class Continuation:
    """Cut texts and let the model go on: how far word for word, in valid JSON, copying or mending what is misspelt.

    Each item is a cut of a record's `text`, tagged `document`, `json` or `repair`. Of a `document`, the details hold
    `run` (tokens that a greedy answer has in common with the text) and `nats` a token; with `against`, the same of
    that model. A text that is one JSON object or array is cut behind a brace, behind a key, inside a string, and
    behind a comma (the item's second tag) and gone on with greedily: `fault` says `not-closed`, `wrong-bracket`,
    `trailing-text`, `invalid-string`, `repeated-key` or `syntax`. In any other text with a word that comes again, the
    word is misspelt throughout: `verdict` says whether the model holds the right spelling (`repaired`) or the
    misspelt one (`copied`) likelier where it comes last.

    Metrics, over all and by source: `run` and `nats` a document cut and token, `known` (share of cuts whose run is
    whole), `against_run` and `against_nats`, `json_valid`, `json_<fault>`, `repaired` (shares).

    ```toml
    [[stage]]
    evaluate = "continuation"
    against = "base"
    only = ["handbook"]
    ```
    """

    split: SplitOption = "validation"
    limit: LimitOption = None
    cuts: Annotated[int, Field(ge=0, le=100)] = 3
    """Places that each document is cut at, evenly apart; 0 leaves documents out."""
    tokens: Annotated[int, Field(ge=1, le=4096)] = 32
    """Tokens behind each cut that are measured. Carlini et al. 2023 (Quantifying Memorization) take 50; less lets
    shorter documents in."""
    json_cuts: Annotated[int, Field(ge=0, le=100)] = 1
    """Places of each kind that a JSON text is cut at; 0 leaves JSON out."""
    json_tokens: Annotated[int, Field(ge=1, le=4096)] = 128
    """Tokens that the model may go on with in JSON."""
    corrupt: bool = True
    """Whether a repeated word is misspelt."""
    shown: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Characters of the text before a cut that a row keeps."""
    against: ModelName | None = None
    """A model to measure the same cuts of documents with, such as `base`."""
    context: Annotated[int | None, Field(ge=8)] = None
    """Tokens in a window; where not given, the model's own, 2,048 at most."""
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    """Records kept together: an interrupted evaluation repeats so many at most."""

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """Metrics, and a row a cut. Raises UsageError without a model, DataError for sources without text."""
        where = place(stage)
        demand(where, "torch", "transformers", "tokenizers")
        if model is None:
            raise UsageError.at(where, "has no model to measure", "set `model`, or train one before it")
        quieten(world.threads)
        out.mkdir(parents=True, exist_ok=True)
        records = Records(examples, stage, self.split)
        shaped(records, ["text"], "continuation reads text: name such sources in `only`")
        other = None if self.against is None else Model(Path(self.against), self.against, self.against)
        names = {"model": fingerprint_of(model), "against": None if other is None else fingerprint_of(other)}
        reader = replace(self.reader(model, where), other=None if other is None else self.reader(other, where))
        return Continuing(self, reader, names, out, journal).run(records)

    def reader(self, model: Model, where: str) -> Reader:
        """A model, ready to go on."""
        found = loaded(model, where)
        context = context_of(found.model, self.context, where)
        return Reader(self, found, TokenScorer(found.model, context, context, 16_384))


@dataclass(frozen=True)
class Continuing:
    """One evaluation under way."""

    options: Continuation
    reader: Reader
    names: Mapping[str, str | None]
    out: Path
    journal: Journal

    def run(self, records: Records) -> Evaluation:
        """Every text gone on with; memory does not grow with their number beyond their names."""
        rows, sums, done = Rows(self.out), Shares(), 0
        for group in groups(texts(records, self.options.limit), self.options.batch):
            found = self.measured(group)
            rows.add(found)
            for row in found:
                sums.add(row)
            done += len(group)
            self.journal.progress(done, records.examples.records, "records")
        return Evaluation(sums.metrics(), rows.read())

    def measured(self, group: list[Text]) -> list[Row]:
        """The rows of a group, from before or measured now."""
        names = ("cuts", "tokens", "json_cuts", "json_tokens", "corrupt", "shown", "context")
        content: dict[str, Any] = {name: getattr(self.options, name) for name in names}
        content |= {**self.names, "texts": [[one.record, one.source, one.text, one.name] for one in group]}
        return kept_rows(self.out, content, lambda: self.reader.rows(group, self.names["model"] or ""))


def texts(records: Records, limit: int | None) -> Iterator[Text]:
    """The texts of all sources; of each, `limit` are drawn by chance, alike in every evaluation."""
    seen = Occurrences()
    for name in records.sources:
        one = replace(records, stage=replace(records.stage, seed=DRAW, only=(name,)))
        under = bound(one, limit)
        for batch in one.batches("text"):
            for row in drawn(batch, one.stage, under).to_pylist():
                if row["text"]:
                    item = item_id({"text": row["text"]})
                    yield Text(str(row["id"]), name, row["text"], seen.name(item).removeprefix(item))


@dataclass
class Shares:
    """Means over items, of all and by source."""

    totals: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Count an item."""
        for name, total, count in measures(row):
            for key in (name, f"{name}/{row.source}"):
                pair = self.totals.setdefault(key, [0.0, 0.0])
                pair[0] += total
                pair[1] += count

    def metrics(self) -> Mapping[str, float]:
        """Each mean, in the order of the names."""
        return {name: total / count for name, (total, count) in sorted(self.totals.items())}


FAULTS = ("not-closed", "wrong-bracket", "trailing-text", "invalid-string", "repeated-key", "syntax")
"""What may be wrong with JSON that was begun."""


def measures(row: Row) -> Iterator[tuple[str, float, float]]:
    """What an item adds: measure, sum and count."""
    told = row.details
    if row.tags[0] == "document":
        yield "run", told["run"], 1
        yield "known", bool(row.correct), 1
        yield "nats", told["nats"] * told["tokens"], told["tokens"]
        if "against_run" in told:
            yield "against_run", told["against_run"], 1
            yield "against_nats", told["against_nats_total"], told["against_tokens"]
    elif row.tags[0] == "json":
        yield "json_valid", bool(row.correct), 1
        yield from ((f"json_{name}", told["fault"] == name, 1) for name in FAULTS)
    else:
        yield "repaired", bool(row.correct), 1
