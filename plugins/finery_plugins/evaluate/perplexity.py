"""Perplexity: how many bits a model spends on each byte of text that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Dataset, Evaluation, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.evaluate.items import fingerprint_of
from finery_plugins.evaluate.scoring import Encoding, Item, Scorer, encoding
from finery_plugins.evaluate.unigram import Unigram, fitted
from finery_plugins.train.architecture import context_of, loaded_model
from finery_plugins.train.conversation import templated
from finery_plugins.train.records import Records, drawn, shaped, sizes
from finery_plugins.train.site import demand, place, quieten
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import slices

DRAW = 0
"""The seed that records are drawn with: one for all stages, so that two evaluations see the same records."""

ITEMS = pa.schema(
    [
        ("item", pa.uuid()),
        ("model", pa.string()),
        ("data", pa.string()),
        ("source", pa.string()),
        ("nll", pa.float64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("unigram_nll", pa.float64()),
    ]
)


@plugin(needs=Needs(cpus=2, extra="train"))
class Perplexity:
    """Bits per byte, bits per token and perplexity on held-out rows, by source and over all.

    Text is scored whole; of `messages`, rendered by the chat template, the answers without their special
    tokens. Bits per byte compare models whatever their tokenizers. Beside them stands the same number for a
    token unigram with add-one smoothing, fitted to the source's `train` rows: it knows how frequent tokens
    are, not their order.
    """

    split: str = "validation"
    """Score the rows whose `split` column has this value; sources without one are scored whole."""
    context: Annotated[int | None, Field(ge=8)] = None
    """Tokens in a window; where not given, the model's own, 2,048 at most."""
    stride: Annotated[int | None, Field(ge=1)] = None
    """Tokens scored in each window behind the first. Where not given, `context`: windows do not overlap, and
    the first token of each is scored from one token alone. Less gives tokens more context, and takes
    longer."""
    limit: Annotated[int | None, Field(ge=1)] = None
    """Records of each source at most, drawn by chance, the same ones in every evaluation."""
    batch_tokens: Annotated[int, Field(ge=1)] = 16_384
    """Tokens in one forward pass, padding included."""
    baseline_bytes: Annotated[int, Field(ge=0)] = 2_000_000
    """Bytes of each source's `train` rows that the unigram is fitted to at most; 0 leaves it out."""

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """Metrics, and a row a record.

        `item, model, data` (the split), `source, nll` (nats), `tokens, bytes, unigram_nll`.
        """
        where = place(stage)
        demand(where, "torch", "transformers", "tokenizers")
        if model is None:
            raise UsageError.at(where, "has no model to measure", "set `model`, or train one before it")
        records = Records(examples, stage, self.split)
        shaped(records, ["text", "messages"], "perplexity reads text or messages: name such sources in `only`")
        quieten(world.threads)
        scorer, tokenizer = self.scorer(model, where), loaded_tokenizer(model, where)
        given = (tokenizer, scorer, journal, fingerprint_of(model))
        measured = [Measured(self, one_source(records, name), *given) for name in records.sources]
        items = pa.concat_tables([part for source in measured for part in source.items()])
        return Evaluation(metrics(items), items)

    def scorer(self, model: Model, where: str) -> Scorer:
        """The model, ready to score. Raises UsageError where it cannot be loaded, or knows fewer
        positions."""
        network = loaded_model(model, where).eval().requires_grad_(False)
        context = context_of(network, self.context, where)
        return Scorer(network, context, min(self.stride or context, context), self.batch_tokens)


def one_source(records: Records, name: str) -> Records:
    """The records of one source, drawn alike in every stage."""
    return replace(records, stage=replace(records.stage, seed=DRAW, only=(name,)))


@dataclass(frozen=True)
class Measured:
    """One source, as it is measured."""

    options: Perplexity
    records: Records
    tokenizer: Any
    scorer: Scorer
    journal: Journal
    model: str
    """The model's fingerprint."""

    @property
    def column(self) -> str:
        """The column that is scored."""
        columns = self.records.examples.columns(self.records.sources[0])
        return "messages" if "messages" in columns else "text"

    def items(self) -> Iterator[pa.Table]:
        """Tables of items, a part of the source each. Raises UsageError for chats where there is no chat
        template."""
        if self.column == "messages":
            templated(self.tokenizer, place(self.records.stage))
        encode = encoding(self.tokenizer, self.column)
        found = sizes(self.records, self.column)
        under, unigram = found.first(self.options.limit), self.unigram(encode)
        done, total = 0, min(self.options.limit or len(found.chances), len(found.chances))
        for batch in slices(self.records.batches(self.column), 256):
            kept = drawn(batch, self.records.stage, under)
            yield self.scored(kept, encode(kept), unigram)
            done += len(kept)
            self.journal.progress(done, total, f"records of {self.records.sources[0]}")

    def scored(self, batch: pa.Table, items: list[Item], unigram: Unigram | None) -> pa.Table:
        """A row for each record of a batch."""
        columns = [
            batch["id"].combine_chunks(),
            pa.repeat(pa.scalar(self.model, pa.string()), len(batch)),
            pa.repeat(pa.scalar(self.records.split, pa.string()), len(batch)),
            batch["source"].cast(pa.string()).combine_chunks(),
            pa.array(self.scorer.nats(items)),
            pa.array([len(item.scored) for item in items], pa.int64()),
            pa.array([item.bytes for item in items], pa.int64()),
            pa.array([unigram and unigram.nats(item) for item in items], pa.float64()),
        ]
        return pa.table(columns, schema=ITEMS)

    def unigram(self, encode: Encoding) -> Unigram | None:
        """The baseline, fitted to `train` rows; None where the source has none apart from those that are
        scored."""
        rows, source = replace(self.records, split="train"), self.records.sources[0]
        told_apart = self.records.is_split(source) and self.records.split != "train"
        if not told_apart or not self.options.baseline_bytes or not any(rows.batches(self.column)):
            return None
        under = sizes(rows, self.column).below(self.options.baseline_bytes)
        batches = (drawn(batch, rows.stage, under) for batch in slices(rows.batches(self.column)))
        vocabulary = max(len(self.tokenizer), self.scorer.model.config.get_text_config().vocab_size)
        return fitted((item for batch in batches for item in encode(batch)), vocabulary)


def metrics(items: pa.Table) -> Mapping[str, float]:
    """All measures, of all items and by source."""
    said = dict(measures(items, ""))
    for source in pc.unique(items["source"]).to_pylist():
        said |= measures(items.filter(pc.equal(items["source"], source)), f"/{source}")
    return said


def measures(items: pa.Table, suffix: str) -> Iterator[tuple[str, float]]:
    """The measures of some items: nats summed over all of them, then divided."""
    nats, tokens, size, unigram = (
        np.nansum(items[name].to_numpy()) for name in ("nll", "tokens", "bytes", "unigram_nll")
    )
    bits = nats / math.log(2)
    yield f"bits_per_byte{suffix}", float(bits / size)
    yield f"bits_per_token{suffix}", float(bits / tokens)
    yield f"perplexity{suffix}", float(np.exp(nats / tokens))
    if not items["unigram_nll"].null_count:
        yield f"unigram_bits_per_byte{suffix}", float(unigram / math.log(2) / size)
