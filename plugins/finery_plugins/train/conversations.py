"""Columns of messages turned into tokens, with a count of those that nothing can be learnt from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from finery import DataError
from finery_plugins.train.conversation import Message, Spelling, renderings, spelled
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import signed

UNUSABLE_SHARE = 0.01
"""The share of conversations that may teach nothing before the training stops and says so."""


@dataclass
class Conversations:
    """An encoder of messages for one training."""

    tokenizer: Any
    context: int
    site: Site
    counts: Counter[str] = field(default_factory=Counter)
    first_fault: str = ""
    """What was wrong with the first conversation that was left out."""

    def encode(self, batch: pa.Table) -> Iterator[tuple[int, list[int]]]:
        """The tokens of each conversation, a loss taken on answers; cut at the context."""
        self.counts["conversations"] += len(batch)
        for row, messages in enumerate(batch["messages"].to_pylist()):
            usable = self.usable(messages or [])
            if not usable:
                self.leave(batch, row, "no answer stands within `context` tokens")
            for spelling in usable:
                yield row, signed(spelling.ids, spelling.is_answer)

    def usable(self, messages: list[Message]) -> list[Spelling]:
        """The spellings of a conversation that have something to learn in them."""
        from jinja2 import TemplateError

        try:
            found = [self.cut(spelled(self.tokenizer, text)) for text in renderings(self.tokenizer, messages)]
        except (TemplateError, KeyError, TypeError) as error:
            self.first_fault = self.first_fault or f"the chat template refuses it: {error}"
            return []
        return [spelling for spelling in found if any(spelling.is_answer[1:])]

    def cut(self, spelling: Spelling) -> Spelling:
        """At most `context` tokens and the one that the last of them predicts."""
        end = self.context + 1
        self.counts["truncated"] += len(spelling.ids) > end
        return Spelling(spelling.ids[:end], spelling.is_answer[:end], spelling.bytes[:end])

    def leave(self, batch: pa.Table, row: int, fault: str) -> None:
        """Count a conversation that teaches nothing, and remember the first."""
        self.counts["unusable"] += 1
        if self.counts["unusable"] == 1:
            self.first_fault = f"record {batch['id'][row].as_py()}: {self.first_fault or fault}"

    def check(self) -> None:
        """Write the counts to the journal. Raises DataError where too many conversations teach nothing."""
        for name in ("truncated", "unusable"):
            self.site.journal.metric(f"conversations_{name}", self.counts[name])
        if self.counts["unusable"] > UNUSABLE_SHARE * self.counts["conversations"]:
            fault = f"can learn nothing from {self.counts['unusable']} of {self.counts['conversations']} conversations"
            raise DataError.at(
                self.site.place, f"{fault} ({self.first_fault})", "mend or drop them, or raise `context`"
            )
