"""Answers to prompts as tokens: in the tokenizer's own chat template, or joined to the prompt as plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from finery import DataError, Fault
from finery_plugins.train.conversation import Message, Rendering, rendered, shared_start, spelled
from finery_plugins.train.conversations import UNUSABLE_SHARE
from finery_plugins.train.packing import Packed
from finery_plugins.train.records import Records
from finery_plugins.train.site import Site, place
from finery_plugins.train.tokenizer import opening, plain_ids
from finery_plugins.train.tokens import Tokens, signed

Said: TypeAlias = "str | list[Message] | None"
"""A text, or messages."""

PAIRS = ("prompt", "chosen", "rejected")
RANKED = ("instruction", "output")
SINGLES = ("prompt", "completion", "label")


class Answered(NamedTuple):
    """What one record has: a prompt, answers to it, and for each whether it is wanted, where the objective asks."""

    prompt: Said
    answers: Sequence[Said] | None
    """None where it is asked alone."""
    labels: Sequence[bool] = ()


Read: TypeAlias = Callable[[pa.Table], Iterable[Answered]]
"""A batch of one source to what each of its records has."""


@dataclass(frozen=True)
class Speller:
    """How prompts and answers become tokens."""

    tokenizer: Any
    chat: bool
    """Whether texts are said in the chat template, the prompt by the user and the answer by the assistant."""

    def prompt(self, prompt: Said) -> list[int]:
        """The tokens after which an answer starts."""
        if isinstance(prompt, str) and not self.chat:
            return opening(self.tokenizer) + plain_ids(self.tokenizer, [prompt])[0]
        text = rendered(self.tokenizer, turns(prompt, "user"), asks=True)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def answered(self, prompt: Said, answer: Said) -> list[int]:
        """Signed tokens: those of the answer and of what ends it stand as they are, the prompt's as complements.

        Raises what the template raises.
        """
        if isinstance(prompt, str) and isinstance(answer, str) and not self.chat:
            first, last = self.prompt(prompt), self.tokenizer.eos_token_id
            ids = plain_ids(self.tokenizer, [answer])[0] + ([] if last is None else [last])
            return [~token for token in first] + ids
        before = turns(prompt, "user")
        whole = rendered(self.tokenizer, [*before, *turns(answer, "assistant")], asks=False)
        start = shared_start(rendered(self.tokenizer, before, asks=True), whole)
        made = spelled(self.tokenizer, Rendering(whole, ((start, len(whole.rstrip())),)))
        end = max((at for at, flag in enumerate(made.is_answer) if flag), default=-1) + 1
        return signed(made.ids[:end], made.is_answer[:end])

    def tokens(self, record: Answered) -> list[list[int]]:
        """The signed tokens of each answer of a record behind its prompt, or of the prompt alone."""
        if record.answers is None:
            return [[~token for token in self.prompt(record.prompt)]]
        return [self.answered(record.prompt, answer) for answer in record.answers]


def turns(said: Said, role: str) -> list[Message]:
    """Messages; a text is one, said by `role`."""
    return [{"role": role, "content": said}] if isinstance(said, str) else list(said or ())


def is_empty(said: Said) -> bool:
    """Whether nothing is said."""
    return not any((turn.get("content") or "").strip() or turn.get("tool_calls") for turn in turns(said, ""))


@dataclass
class Preferences:
    """An encoder of answers for one training, with a count of records that nothing can be learnt from."""

    speller: Speller
    context: int
    site: Site
    read: Read
    counts: Counter[str] = field(default_factory=Counter)
    first_fault: str = ""

    def encode(self, batch: pa.Table) -> Iterator[tuple[int, list[int]]]:
        """The signed tokens of each answer behind its prompt, a record's answers in order.

        Where the record says which are wanted, 1 or 0 stands before the tokens.
        """
        self.counts["records"] += len(batch)
        for row, record in enumerate(self.read(batch)):
            made = self.usable(record, batch["id"][row])
            labels: Sequence[bool | None] = record.labels or [None] * len(made)
            for tokens, label in zip(made, labels, strict=False):
                yield row, tokens if label is None else [int(label), *tokens]

    def usable(self, record: Answered, name: Any) -> list[list[int]]:
        """A record's signed tokens; none where it is of no use, which is counted."""
        from jinja2 import TemplateError

        try:
            fault = unusable(record)
            made = [] if fault else self.speller.tokens(record)
        except (TemplateError, KeyError, TypeError) as error:
            fault, made = f"the chat template refuses it: {error}", []
        sizes = [len(tokens) for tokens in made] or [2]
        if not 2 <= min(sizes) <= max(sizes) <= self.context:
            fault = f"it takes {max(sizes)} tokens, where 2 to {self.context} fit"
        if not fault:
            return made
        self.counts["unusable"] += 1
        self.first_fault = self.first_fault or f"record {name.as_py()}: {fault}"
        return []

    def check(self) -> None:
        """Write the count to the journal. Raises DataError where too many records are of no use."""
        unusable, seen = self.counts["unusable"], self.counts["records"]
        if not seen:  # an interrupted call has counted them
            return
        self.site.journal.metric("records_unusable", unusable)
        if unusable > UNUSABLE_SHARE * seen:
            fault = f"can learn nothing from {unusable} of {seen} records ({self.first_fault})"
            raise DataError.at(self.site.place, fault, "mend or drop them, or raise `context`")


def unusable(record: Answered) -> str:
    """Why nothing can be learnt from a record, or nothing."""
    if is_empty(record.prompt):
        return "its prompt is empty"
    if record.answers is None:
        return ""
    if not record.answers:
        return "it has no two different answers"
    if any(map(is_empty, record.answers)):
        return "an answer is empty"
    pairs = zip(record.answers[::2], record.answers[1::2], strict=False)
    return "both answers are equal" if not record.labels and any(a == b for a, b in pairs) else ""


def demand_columns(records: Records, kinds: Sequence[Sequence[str]], remedy: str) -> None:
    """Check that every source has all columns of one of `kinds`. Raises DataError with a fault for each other one."""
    where, faults = place(records.stage), []
    for source in records.sources:
        found = records.examples.columns(source)
        if not any(set(kind) <= set(found) for kind in kinds):
            there = ", ".join(name for name in found if name not in ("id", "source")) or "none"
            wanted = ", nor ".join(" + ".join(kind) for kind in kinds)
            faults.append(Fault(where, f"source '{source}' has the columns {there}, not {wanted}", remedy))
    if not records.sources:
        faults.append(Fault(where, "sees no source", "name the stage's sources in `only`"))
    if faults:
        raise DataError(*faults)


def pairs(batch: pa.Table) -> Iterator[Answered]:
    """The chosen and the rejected answer of each record."""
    for prompt, *answers in zip(*(batch[name].to_pylist() for name in PAIRS), strict=True):
        yield Answered(prompt, answers)


def singles(batch: pa.Table) -> Iterator[Answered]:
    """The answer of each record and whether it is wanted; of a preference, both."""
    if set(SINGLES) <= set(batch.column_names):
        for prompt, answer, label in zip(*(batch[name].to_pylist() for name in SINGLES), strict=True):
            yield Answered(prompt, [answer], [bool(label)])
        return
    for record in pairs(batch):
        yield record._replace(labels=(True, False))


def in_rows(tokens: Tokens, count: int, together: bool, context: int) -> Packed:
    """Rows of `count` sequences; or where `together`, of all sequences of a record."""
    firsts = np.arange(0, len(tokens), count)
    if together and len(firsts) > 1:
        ids = tokens.ids.take(pa.array(firsts)).cast(pa.binary(16)).to_numpy(zero_copy_only=False)
        ends = tokens.starts[firsts - 1] + tokens.lengths[firsts - 1]
        goes_on = (ids == np.roll(ids, 1)) & (tokens.starts[firsts] == ends)
        goes_on[0] = False
        firsts = firsts[~goes_on]
    bounds = np.append(firsts, len(tokens))
    return Packed(tokens, np.arange(len(tokens)), np.zeros(len(tokens), np.int64), tokens.lengths, bounds, context)
