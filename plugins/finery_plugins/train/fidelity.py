"""How true a changed model is to the one it came from: both read the same held-out records, token by token."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from finery import DataError, Dataset, Model
from finery_plugins.evaluate.perplexity import one_source
from finery_plugins.evaluate.scoring import Encoding, Item, Window, encoding, windows
from finery_plugins.train.architecture import context_of, loaded_model
from finery_plugins.train.origin import Origin, stored_bytes
from finery_plugins.train.records import Records, drawn, sizes
from finery_plugins.train.rows import padded
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import UNTRAINED, slices

Split = Annotated[
    str,
    Field(description="Compare on the rows whose `split` column has this value; sources without one are used whole."),
]
Limit = Annotated[
    int, Field(ge=0, description="Records of each source that both models read; 0 leaves the comparison out.")
]
WINDOW = 1024
Window_ = Annotated[
    int | None, Field(ge=8, description=f"Tokens in a window; where not given, the model's own, {WINDOW:,} at most.")
]
MaxLossRise = Annotated[
    float | None,
    Field(
        ge=0,
        description="Fail the stage where the loss over all records rises by more than this, in nats a token.",
    ),
]

LOGITS = 1 << 26
"""Logits of one model held at once, 256 MB in 32 bits, unless a single window has more."""


@dataclass
class Closeness:
    """Sums over what both models read."""

    tokens: int = 0
    bytes: int = 0
    nats: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """`float64` (2,): before and after."""
    agreed: int = 0
    """Tokens for which both find the same next one likeliest."""
    furthest: float = 0.0
    """The largest difference of two logits."""

    def add(self, other: Closeness) -> None:
        """Add another's sums."""
        self.tokens, self.bytes = self.tokens + other.tokens, self.bytes + other.bytes
        self.nats, self.agreed = self.nats + other.nats, self.agreed + other.agreed
        self.furthest = max(self.furthest, other.furthest)

    @property
    def rise(self) -> float:
        """By how many nats a token the loss rose."""
        return float(self.nats[1] - self.nats[0]) / self.tokens

    def numbers(self) -> Iterator[tuple[str, float]]:
        """The metrics: `loss_*` in nats a token."""
        for when, nats in zip(("before", "after"), self.nats.tolist(), strict=True):
            yield f"loss_{when}", nats / self.tokens
            if self.bytes:
                yield f"bits_per_byte_{when}", nats / math.log(2) / self.bytes
        yield "loss_rise", self.rise
        yield "top1_agreement", self.agreed / self.tokens
        yield "largest_logit_difference", self.furthest


@dataclass(frozen=True)
class Pair:
    """A model before and after a change."""

    before: Any
    after: Any
    context: int

    def closeness(self, items: Sequence[Item]) -> Closeness:
        """How close the two are on some items."""
        total = Closeness(bytes=sum(item.bytes for item in items if len(item.scored)))
        found = sorted(windows(items, self.context, self.context), key=lambda window: -len(window.ids))
        vocabulary = self.before.config.get_text_config().vocab_size
        while found:
            rows = max(1, LOGITS // (vocabulary * len(found[0].ids)))
            batch, found = found[:rows], found[rows:]
            total.add(self.of_windows(batch))
        return total

    def of_windows(self, batch: Sequence[Window]) -> Closeness:
        """How close they are on a few windows, padded behind to the longest."""
        import torch

        width = max(len(window.ids) for window in batch)
        ids = torch.from_numpy(np.stack([padded(window.ids, width, 0) for window in batch]))
        labels = torch.from_numpy(np.stack([padded(window.labels, width, UNTRAINED) for window in batch]))
        wanted = labels[labels != UNTRAINED]
        left, right = (scored_logits(network, ids, labels != UNTRAINED) for network in (self.before, self.after))
        nats = [torch.nn.functional.cross_entropy(part, wanted, reduction="none") for part in (left, right)]
        return Closeness(
            tokens=len(wanted),
            nats=np.array([part.double().sum().item() for part in nats]),
            agreed=int((left.argmax(-1) == right.argmax(-1)).sum()),
            furthest=float((left - right).abs().max()),
        )


def scored_logits(network: Any, ids: Any, scored: Any) -> Any:
    """The logits (n, vocabulary) of the scored places of some rows of tokens."""
    import torch

    with torch.no_grad():
        answer = network(input_ids=ids.to(network.device), use_cache=False).logits
    return answer[scored.to(answer.device)].float().cpu()


@dataclass(frozen=True)
class Test:
    """What a changed model is held to, and on which records."""

    split: str
    limit: int
    context: int | None
    max_loss_rise: float | None
    examples: Dataset

    @classmethod
    def of(cls, plugin: Any, examples: Dataset) -> Test:
        """The test that a plugin's options ask for."""
        return cls(plugin.split, plugin.limit, plugin.context, plugin.max_loss_rise, examples)

    def passed(self, origin: Origin, before: Callable[[], Any], made: Model) -> Model:
        """The changed model in its folder, read back and compared; `before` loads what it was made of.

        The journal is told `bytes_before` and `bytes_after`, the bytes of the weights as stored, and the measures of
        `Closeness`, over all and by source. Raises DataError where the loss rose too much: then nothing is left behind.
        """
        site = origin.site
        for when, folder in (("before", origin.folder), ("after", made.path)):
            site.journal.metric(f"bytes_{when}", stored_bytes(folder))
        found = dict(self.compared(origin, before, made)) if self.limit else {}
        total = Closeness()
        for source, part in found.items():
            total.add(part)
            tell(part, site, source)
        try:
            self.judge(total, site)
        except DataError:
            shutil.rmtree(site.out)
            raise
        return made

    def judge(self, total: Closeness, site: Site) -> None:
        """Tell the measures over all. Raises DataError where the loss rose too much, or is not known but bounded."""
        if total.tokens:
            tell(total, site)
        elif self.max_loss_rise is not None:
            fault = f"`max_loss_rise` is {self.max_loss_rise}, but there are no records to compare on"
            remedy = "set `split` and `limit`, and name sources with text or messages in `only`"
            raise DataError.at(site.place, fault, remedy)
        else:
            site.journal.note("not compared with what it came from: no source has text or messages in this split")
        if total.tokens and self.max_loss_rise is not None and not total.rise <= self.max_loss_rise:
            losses = total.nats / total.tokens
            fault = f"the loss rose from {losses[0]:.4f} to {losses[1]:.4f} nats a token"
            remedy = f"change less of the model, or raise `max_loss_rise` from {self.max_loss_rise}"
            raise DataError.at(site.place, fault, remedy)

    def compared(self, origin: Origin, before: Callable[[], Any], made: Model) -> Iterator[tuple[str, Closeness]]:
        """How close the two are on each source that they can read."""
        site = origin.site
        records = Records(self.examples, site.stage, self.split)
        readable = [name for name in records.sources if column_of(self.examples, name, origin.tokenizer)]
        if not readable:
            return
        old, new = (placed(network) for network in (before(), loaded_model(made, site.place).eval()))
        context = context_of(old, self.context, site.place)
        pair = Pair(old, new, context if self.context else min(context, WINDOW))
        for name in readable:
            part = self.of_source(pair, one_source(records, name), origin)
            if part.tokens:
                yield name, part

    def of_source(self, pair: Pair, records: Records, origin: Origin) -> Closeness:
        """How close the two are on the records of one source, the same ones in every stage."""
        name, total, done = records.sources[0], Closeness(), 0
        column = str(column_of(self.examples, name, origin.tokenizer))
        try:
            found = sizes(records, column)
        except DataError:  # nothing in this split
            return total
        encode: Encoding = encoding(origin.tokenizer, column)
        for batch in slices(records.batches(column), 64):
            kept = drawn(batch, records.stage, found.first(self.limit))
            total.add(pair.closeness(encode(kept)))
            done += len(kept)
            origin.site.journal.progress(done, min(self.limit, len(found.chances)), f"records of {name} compared")
        return total


def column_of(examples: Dataset, source: str, tokenizer: Any) -> str | None:
    """The column that is read of a source: chats where the model has a template for them, or text."""
    columns = examples.columns(source)
    if "messages" in columns and tokenizer.chat_template:
        return "messages"
    return "text" if "text" in columns else None


def placed(network: Any) -> Any:
    """A network on the accelerator, where there is one; one that is quantised is there already."""
    import torch

    is_movable = getattr(network.config, "quantization_config", None) is None
    return network.to("cuda") if is_movable and torch.cuda.is_available() else network


def tell(found: Closeness, site: Site, source: str | None = None) -> None:
    """Write measures into the journal."""
    for name, value in found.numbers():
        site.journal.metric(name, value, source=source)
