"""What `continuation` asks of a text: runs behind cuts, JSON gone on with, a misspelt word repaired or copied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finery_plugins.evaluate.corruption import Corruption, corrupted
from finery_plugins.evaluate.items import Row, item_id
from finery_plugins.evaluate.json_cuts import PLACES, Cut, cuts, fault, is_json
from finery_plugins.evaluate.scoring import Item
from finery_plugins.evaluate.subject import generated
from finery_plugins.evaluate.tokenwise import Seen, TokenScorer
from finery_plugins.generate.local import Loaded
from finery_plugins.generate.options import Sampling
from finery_plugins.train.architecture import longest
from finery_plugins.train.tokenizer import opening, plain_ids

if TYPE_CHECKING:
    from finery_plugins.evaluate.continuation import Continuation


@dataclass(frozen=True)
class Text:
    """A text that the model may know."""

    record: str
    source: str
    text: str
    name: str
    """Tells it from an equal one before it; empty for the first."""


@dataclass(frozen=True)
class Reader:
    """A model that goes on with texts, and what it is measured against."""

    options: Continuation
    found: Loaded
    scorer: TokenScorer
    other: Reader | None = None

    def rows(self, group: Sequence[Text], model: str) -> list[Row]:
        """The rows of some texts, in their order."""
        return [row for text in group for row in self.of(text, model)]

    def of(self, text: Text, model: str) -> Iterator[Row]:
        """The rows of one text."""
        yield from self.documents(text, model)
        if self.options.json_cuts and is_json(text.text):
            yield from self.json(text, model)
        elif self.options.corrupt and (found := corrupted(text.text)) is not None:
            yield self.repair(text, found, model)

    def documents(self, text: Text, model: str) -> Iterator[Row]:
        """A row for each cut of a document: how long a greedy answer goes on as it does, and what it costs."""
        ids = plain_ids(self.found.tokenizer, [text.text])[0]
        places = document_cuts(len(ids), self.options.cuts, self.options.tokens)
        if not places:
            return
        seen = self.seen(self.behind(ids, places))
        for at, one in zip(places, seen, strict=True):
            prefix, rest = (self.decoded(part) for part in (ids[:at], ids[at : at + self.options.tokens]))
            details = {"record": text.record, "cut": at, "run": one.run, "tokens": len(one.tokens), "nats": one.nats}
            if self.other is not None:
                details |= self.other.compared(prefix, rest)
            # What a greedy answer has in common with the text, and the token it leaves it with.
            said = self.decoded([*one.tokens[: one.run].tolist(), *one.top[one.run : one.run + 1].tolist()])
            share = one.run / len(one.tokens)
            kept = (prefix[-self.options.shown :], said, rest, share == 1, share, details)
            yield self.row(text, model, "document", {"at": at, "tokens": self.options.tokens}, *kept)

    def behind(self, ids: Sequence[int], places: Sequence[int]) -> list[Item]:
        """The stretch behind each cut of a document."""
        first, tokens = opening(self.found.tokenizer), self.options.tokens
        return [item(first + list(ids[:at]), ids[at : at + tokens], self.scorer.context) for at in places]

    def compared(self, prefix: str, rest: str) -> dict[str, Any]:
        """The run and cost of the same stretch for this model, by its own tokens; cost a byte compares the two."""
        before, after = plain_ids(self.found.tokenizer, [prefix, rest])
        (one,) = self.seen([item(opening(self.found.tokenizer) + before, after, self.scorer.context)])
        total = float(-one.log_probability.sum())
        return {"against_run": one.run, "against_tokens": len(one.tokens), "against_nats_total": total}

    def json(self, text: Text, model: str) -> Iterator[Row]:
        """A row for each place that a JSON text is cut at, and gone on with greedily."""
        for cut in chosen(list(cuts(text.text)), self.options.json_cuts):
            prefix = text.text[: cut.at]
            said = self.go_on(prefix)
            if said is None:
                continue
            answer, ended = said
            wrong = fault(prefix + answer)
            details = {"record": text.record, "cut": cut.at, "place": cut.place, "fault": wrong, "ended": ended}
            kept = (prefix, answer, text.text[cut.at :], wrong is None, float(wrong is None), details)
            yield self.row(text, model, "json", {"at": cut.at, "place": cut.place}, *kept, cut.place)

    def go_on(self, prefix: str) -> tuple[str, bool] | None:
        """A greedy continuation and whether the model ended it; None where the prefix leaves no room."""
        ids = opening(self.found.tokenizer) + plain_ids(self.found.tokenizer, [prefix])[0]
        most = self.options.json_tokens
        room = longest(self.found.model)
        if room is not None and len(ids) + most > room:
            return None
        with self.found.lock:
            (said,) = generated(self.found, [ids], Sampling(max_tokens=most), None)
        return str(self.found.tokenizer.decode(said, skip_special_tokens=True)), len(said) < most

    def repair(self, text: Text, found: Corruption, model: str) -> Row:
        """The row of a misspelt word: repaired where the right spelling costs the model less than the copied one."""
        tokenizer = self.found.tokenizer
        prefix, right, wrong = plain_ids(tokenizer, [found.prefix, found.word, found.misspelt])
        first = opening(tokenizer) + prefix
        seen = self.seen([item(first, word, self.scorer.context) for word in (right, wrong)])
        costs = [float(-one.log_probability.sum()) for one in seen]
        margin, mended = costs[1] - costs[0], costs[0] < costs[1]
        details = {"record": text.record, "verdict": "repaired" if mended else "copied", "margin": margin}
        shown, said = found.prefix[-self.options.shown :], found.word if mended else found.misspelt
        return self.row(text, model, "repair", {"word": found.word}, shown, said, found.word, mended, margin, details)

    def row(
        self,
        text: Text,
        model: str,
        kind: str,
        asked: dict[str, Any],
        prompt: str,
        answer: str,
        target: str,
        correct: bool,
        score: float,
        details: dict[str, Any],
        *tags: str,
    ) -> Row:
        """The row of one thing asked of a text, named by the text and what is asked of it."""
        name = item_id({"text": text.text, "kind": kind, **asked}) + text.name
        return Row(
            name, model, text.source, text.source, (kind, *tags), prompt, answer, target, correct, score, details
        )

    def seen(self, items: Sequence[Item]) -> list[Seen]:
        """What the model makes of some stretches."""
        return self.scorer.seen(items)

    def decoded(self, ids: Sequence[int]) -> str:
        """Tokens as text."""
        return str(self.found.tokenizer.decode(list(ids)))


def item(prefix: Sequence[int], rest: Sequence[int], context: int) -> Item:
    """What follows a prefix, to be scored; of a prefix that is too long, its end."""
    room = max(1, context + 1 - len(rest))
    return Item([np.array([~token for token in prefix[-room:]] + list(rest), np.int64)], 0)


def document_cuts(length: int, count: int, tokens: int) -> list[int]:
    """The tokens before each of `count` cuts, evenly apart, `tokens` left behind each; fewer in a short document."""
    room = length - tokens
    places = {math.floor(room * number / count) for number in range(1, count + 1)} if room > 0 else set()
    return sorted(place for place in places if place > 0)


def chosen(found: Sequence[Cut], each: int) -> list[Cut]:
    """Up to `each` cuts of every kind, evenly apart among those of the kind."""
    kept = []
    for place in PLACES:
        own = [cut for cut in found if cut.place == place]
        kept += [own[at * len(own) // min(each, len(own))] for at in range(min(each, len(own)))]
    return kept
