"""A causal model's loss on answers, behind their questions and alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finery import Model
from finery_plugins.evaluate.scoring import Item, Scorer
from finery_plugins.format.chat import Turn
from finery_plugins.train.architecture import context_of, loaded_model
from finery_plugins.train.conversation import rendered
from finery_plugins.train.site import demand, quieten
from finery_plugins.train.tokenizer import loaded_tokenizer, opening, plain_ids
from finery_plugins.train.tokens import signed


@dataclass(frozen=True)
class Case:
    """An answer as the model reads it, twice: behind its question and alone. Its tokens are the same in both."""

    behind: np.ndarray
    alone: np.ndarray
    """Signed tokens (see `tokens.signed`): those that are scored are not negative."""
    cut: bool
    """Whether the answer's end is left out."""

    @property
    def tokens(self) -> int:
        """Tokens that are scored."""
        return int((self.alone[1:] >= 0).sum())


@dataclass(frozen=True)
class Judge:
    """A model with its tokenizer, ready to judge answers."""

    network: Any
    tokenizer: Any
    context: int
    """Tokens that the model reads at once."""

    def cases(self, turns: Sequence[Turn], between: str) -> Iterator[Case]:
        """A case for each answer that has a turn before it and room behind it. Raises what the template raises."""
        for at, (role, said) in enumerate(turns):
            if role == "assistant" and at and said:
                question, (answer,) = self.question(turns[:at], between), plain_ids(self.tokenizer, [said])
                kept = answer[: max(0, self.context + 1 - len(question))]
                yield self.case(question, kept, len(kept) < len(answer))

    def question(self, turns: Sequence[Turn], between: str) -> list[int]:
        """What an answer is asked for with: by the chat template, else the turns as text."""
        if self.tokenizer.chat_template:
            messages = [{"role": role, "content": content} for role, content in turns]
            text = rendered(self.tokenizer, messages, asks=True)
            return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        text = "".join(f"{content}{between}" for _, content in turns)
        return opening(self.tokenizer) + plain_ids(self.tokenizer, [text])[0]

    def case(self, question: Sequence[int], answer: Sequence[int], cut: bool) -> Case:
        """An answer behind its question, and behind what opens a text.

        Where a tokenizer has nothing that opens one, nothing predicts an answer's first token alone: it is then
        scored in neither.
        """
        first = opening(self.tokenizer)
        scored = [bool(first) or at > 0 for at in range(len(answer))]
        told, bare = (
            np.array(signed([*before, *answer], [*(False for _ in before), *scored]), np.int64)
            for before in (question, first)
        )
        return Case(told, bare, cut)

    def nats(self, sequences: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """`float64` (n,): the negative log likelihood of the scored tokens in all sequences of each record.

        A sequence a pass, on one thread: beside others it would be padded, and its last bits would depend on them.
        """
        quieten(1)
        return Scorer(self.network, self.context, self.context, 1).nats([Item(each, 0) for each in sequences])


@functools.lru_cache(maxsize=1)
def judge(name: str, context: int | None, where: str) -> Judge:
    """A causal model from a folder or hub name. Raises MissingExtra, and UsageError where it cannot be loaded."""
    demand(where, "torch", "transformers", "tokenizers")
    quieten(1)
    model = Model(path=Path(name), name=name, fingerprint="")
    network = loaded_model(model, where).eval().requires_grad_(False)
    return Judge(network, loaded_tokenizer(model, where), context_of(network, context, where))
