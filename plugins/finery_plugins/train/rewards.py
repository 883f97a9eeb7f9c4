"""What answers are worth: by a reward model, by rules, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finery import Model, PluginError, UsageError
from finery_plugins.train.architecture import longest
from finery_plugins.train.policy import scalar_model
from finery_plugins.train.preferences import Speller
from finery_plugins.train.rows import stacked
from finery_plugins.train.rules import NEEDS_ANSWER, Asked, Rule, Score
from finery_plugins.train.site import Site
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import parted


@dataclass(frozen=True)
class Judge:
    """A reward model, asked as it was trained: prompt and answer in its own template, scored at the answer's end."""

    network: Any
    speller: Speller
    context: int
    batch: int
    """Answers in one forward pass."""

    def scores(self, asked: Sequence[Asked], said: Sequence[str]) -> np.ndarray:
        """`float64` (answers,): its score of each answer; one that exceeds its context is cut at the beginning."""
        made = [self.tokens(one, answer) for one, answer in zip(asked, said, strict=True)]
        found = [self.answers(made[start : start + self.batch]) for start in range(0, len(made), self.batch)]
        return np.concatenate(found)

    def tokens(self, asked: Asked, said: str) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and ones (tokens,)."""
        flat = self.speller.answered(asked.prompt, said)[-self.context :]
        ids, _ = parted(np.array(flat, np.int64))
        return ids, np.ones_like(ids)

    def answers(self, rows: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """`float64` (rows,): the network's answers."""
        import torch

        padding = self.network.config.get_text_config().pad_token_id
        ids, attention = (part.to(self.network.device) for part in stacked(rows, (padding, 0)))
        with torch.no_grad():
            logits = self.network(input_ids=ids, attention_mask=attention).logits
        scores: np.ndarray = logits[:, 0].double().cpu().numpy()
        return scores


@dataclass(frozen=True)
class Rewards:
    """A sum of what a model and rules say."""

    judge: Judge | None
    rules: tuple[tuple[float, Score], ...]
    where: str

    def __call__(self, asked: Sequence[Asked], said: Sequence[str]) -> np.ndarray:
        """`float64` (answers,): what each is worth. Raises PluginError where that is no number."""
        total = np.zeros(len(said)) if self.judge is None else self.judge.scores(asked, said)
        for weight, score in self.rules:
            total = total + weight * np.array([score(one, text) for one, text in zip(asked, said, strict=True)])
        if not np.isfinite(total).all():
            first = asked[int(np.flatnonzero(~np.isfinite(total))[0])]
            remedy = "look at the reward model: its weights may hold NaN"
            raise PluginError.at(self.where, f"the reward of an answer to record {first.record} is no number", remedy)
        return total


def rewards(plugin: Any, site: Site) -> Rewards:
    """What a plugin's options `reward`, `rules` and `chat` say. Raises UsageError where they lead nowhere."""
    judge = None
    if plugin.reward is not None:
        model = Model(Path(plugin.reward), plugin.reward, "")
        network, speaks = scalar_model(model, site), loaded_tokenizer(model, site.place)
        settled = network.config.get_text_config()
        if settled.pad_token_id is None:
            settled.pad_token_id = speaks.pad_token_id if speaks.pad_token_id is not None else speaks.eos_token_id
        speller = Speller(speaks, plugin.chat and bool(speaks.chat_template))
        judge = Judge(on_device(network), speller, longest(network) or 2048, plugin.batch)
    return Rewards(judge, tuple((rule.weight, rule.score(site.place)) for rule in plugin.rules), site.place)


def on_device(network: Any) -> Any:
    """The network where it is asked."""
    import torch

    return network.to("cuda") if torch.cuda.is_available() else network


def something(plugin: Any) -> Any:
    """`plugin`, if it says what answers are worth. Raises ValueError otherwise."""
    if plugin.reward is None and not plugin.rules:
        raise ValueError("nothing says what an answer is worth: give `reward`, `rules`, or both")
    return plugin


def answered(rules: Sequence[Rule], asked: Sequence[Asked], where: str) -> None:
    """Check that every record has the answer that a rule compares with. Raises UsageError."""
    names = [rule.check for rule in rules if rule.check in NEEDS_ANSWER]
    lacking = [one.record for one in asked if one.answer is None]
    if names and lacking:
        fault = f"check '{names[0]}' needs a right answer, which {len(lacking)} of {len(asked)} records lack"
        raise UsageError.at(where, f"{fault} (such as {lacking[0]})", "name their column in `answer`")
