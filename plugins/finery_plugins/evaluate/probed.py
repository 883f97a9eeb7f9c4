"""What `probe` tells of an item: its tokens, where the model leaves them, which heed no prompt, and the sums."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.probes import Probed
from finery_plugins.evaluate.questions import Message
from finery_plugins.evaluate.scoring import Item
from finery_plugins.evaluate.subject import chats, generated, written
from finery_plugins.evaluate.tokenwise import Seen, TokenScorer
from finery_plugins.generate.local import Loaded
from finery_plugins.generate.options import Sampling
from finery_plugins.train.architecture import longest
from finery_plugins.train.conversation import renderings, spelled, templated
from finery_plugins.train.tokenizer import ending, opening, plain_ids
from finery_plugins.train.tokens import signed

if TYPE_CHECKING:
    from finery_plugins.evaluate.probe import Probe

DIGITS = 6
"""Decimals of numbers that are kept for each token."""
NOTHING: tuple[Message, ...] = ({"role": "user", "content": ""},)
"""A prompt that asks nothing."""


@dataclass(frozen=True)
class Prober:
    """A model that is asked of tokens."""

    options: Probe
    found: Loaded
    scorer: TokenScorer
    where: str

    def rows(self, group: Sequence[Probed], model: str) -> list[Row]:
        """The rows of some items, all their prompts measured side by side."""
        asked = [self.variants(one) for one in group]
        seen = iter(self.scorer.seen([item for variants in asked for item in variants.values()]))
        told = [dict(zip(variants, seen, strict=False)) for variants in asked]
        return [self.row(one, found, model) for one, found in zip(group, told, strict=True)]

    def variants(self, one: Probed) -> dict[str, Item]:
        """The target behind each prompt, by what the prompt is; texts have none but their own."""
        prompts = {"own": one.messages}
        if one.messages:
            wordings = [*(name.replace("{prompt}", one.prompt) for name in self.options.templates), *one.phrasings]
            prompts |= {"none": NOTHING} | ({"stranger": one.stranger} if one.stranger else {})
            prompts |= {f"phrasing {wording}": one.asking(wording) for wording in wordings}
        # In this order, since answers are read off it: `own` first.
        return {name: Item([self.tokens(messages, one.target)], 0) for name, messages in prompts.items()}

    def tokens(self, messages: Sequence[Message], target: str) -> np.ndarray:
        """Signed tokens of a prompt and the target behind it, only the target's to be scored."""
        tokenizer = self.found.tokenizer
        if messages and chats(self.found, self.options.template):
            templated(tokenizer, self.where)
            *_, last = renderings(tokenizer, [*messages, {"role": "assistant", "content": target}])
            spelling = spelled(tokenizer, type(last)(last.text, last.answers[-1:]))
            return np.array(signed(spelling.ids, spelling.is_answer), np.int64)
        return np.array([~token for token in self.asked(messages)] + self.plain(target), np.int64)

    def asked(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of a prompt alone."""
        if not messages:
            return opening(self.found.tokenizer)
        text = written(self.found, messages, self.options.template, self.where)
        if chats(self.found, self.options.template):
            return list(self.found.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        return opening(self.found.tokenizer) + plain_ids(self.found.tokenizer, [text])[0]

    def plain(self, target: str) -> list[int]:
        """The tokens of a target, with the one that ends a text."""
        return plain_ids(self.found.tokenizer, [target])[0] + ending(self.found.tokenizer)

    def row(self, one: Probed, seen: Mapping[str, Seen], model: str) -> Row:
        """The row of one item."""
        own = seen["own"]
        details = {"record": one.record, **self.told(own), "leaves": self.leaves(own)}
        details |= {"ends": bool(len(own.rank) and own.rank[-1] == 1)}
        if "none" in seen:
            details["over_fit"] = over_fit([seen[name] for name in ("own", "none", "stranger") if name in seen], self)
        if phrased := [(name[9:], said) for name, said in seen.items() if name.startswith("phrasing ")]:
            details["phrasings"] = [
                {"prompt": prompt, "log_probability": -said.nats, "exact": said.run == len(said.tokens)}
                for prompt, said in phrased
            ]
        answer = self.answer(one.messages) if self.options.generate else None
        if answer is not None:
            details["generated"] = self.told(answer[1])
        exact, score = own.run == len(own.tokens), -own.nats if len(own.tokens) else None
        text = None if answer is None else answer[0]
        return Row(
            one.item, model, one.source, one.source, one.tags, one.prompt, text, one.target, exact, score, details
        )

    def told(self, seen: Seen) -> dict[str, Any]:
        """The tokens of a text, as JSON carries them."""
        return {
            "tokens": self.spell(seen.tokens),
            "log_probability": np.round(seen.log_probability, DIGITS).tolist(),
            "rank": seen.rank.tolist(),
            "entropy": np.round(seen.entropy, DIGITS).tolist(),
        }

    def spell(self, tokens: np.ndarray) -> list[str]:
        """The text of each token."""
        return [self.found.tokenizer.decode([token]) for token in tokens.tolist()]

    def leaves(self, seen: Seen) -> dict[str, Any] | None:
        """The first token that the model would not have said; None where there is none."""
        under = math.log(self.options.bound) if self.options.bound else -math.inf
        wrong = np.flatnonzero((seen.rank > 1) | (seen.log_probability < under))
        if not len(wrong):
            return None
        at = int(wrong[0])
        tokens = self.spell(np.array([seen.tokens[at], seen.top[at]]))
        return {
            "place": at,
            "behind": self.found.tokenizer.decode(seen.tokens[:at].tolist()),
            "token": tokens[0],
            "rather": tokens[1],
            "rank": int(seen.rank[at]),
            "log_probability": round(float(seen.log_probability[at]), DIGITS),
            "entropy": round(float(seen.entropy[at]), DIGITS),
        }

    def answer(self, messages: Sequence[Message]) -> tuple[str, Seen] | None:
        """A greedy answer and what the model makes of its tokens; None where the prompt leaves no room."""
        prompt, most = self.asked(messages), self.options.generate
        room = longest(self.found.model)
        if room is not None and len(prompt) + most > room:
            return None
        with self.found.lock:
            (said,) = generated(self.found, [prompt], Sampling(max_tokens=most), None)
        signs = np.array([~token for token in prompt] + said, np.int64)
        (seen,) = self.scorer.seen([Item([signs], 0)])
        return str(self.found.tokenizer.decode(said, skip_special_tokens=True)), seen


def over_fit(seen: Sequence[Seen], prober: Prober) -> list[dict[str, Any]]:
    """The tokens that are likely behind each of the prompts, by their places."""
    count = min(len(one.tokens) for one in seen)
    least = np.min([one.log_probability[:count] for one in seen], axis=0)
    places = np.flatnonzero(least >= math.log(prober.options.over_fit))
    words = prober.spell(seen[0].tokens[places])
    return [
        {"place": int(at), "token": word, "least": round(float(least[at]), DIGITS)}
        for at, word in zip(places, words, strict=True)
    ]


@dataclass
class Sums:
    """Sums over items, of all and by source."""

    totals: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    )

    def add(self, row: Row) -> None:
        """Count an item."""
        for group in ("", row.source):
            for name, total, count in measures(row):
                pair = self.totals[group][name]
                pair[0] += total
                pair[1] += count

    def metrics(self) -> Mapping[str, float]:
        """`measure` over all, `measure/source` for each source; a measure that nothing was counted for is left out."""
        return {
            f"{name}/{group}" if group else name: total if name == "items" else total / count
            for group, found in sorted(self.totals.items())
            for name, (total, count) in found.items()
            if count
        }


def measures(row: Row) -> Iterator[tuple[str, float, float]]:
    """What an item adds: measure, sum and count."""
    told = row.details
    tokens = len(told["rank"])
    yield "items", 1, 1
    yield "exact", bool(row.correct), 1
    yield "ends", told["ends"], 1
    yield "log_probability", sum(told["log_probability"]), tokens
    yield "entropy", sum(told["entropy"]), tokens
    yield "first_choice", sum(rank == 1 for rank in told["rank"]), tokens
    if "over_fit" in told:
        yield "over_fit", len(told["over_fit"]), tokens
    if "phrasings" in told:
        said = told["phrasings"]
        values = [one["log_probability"] for one in said] + [row.score or 0.0]
        yield "consistent", sum(one["exact"] == row.correct for one in said), len(said)
        yield "spread", max(values) - min(values), 1
