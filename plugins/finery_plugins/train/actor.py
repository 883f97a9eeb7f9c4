"""A policy with a value head: what it says, how likely that is, and what it expects to be rewarded with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from finery_plugins.train.architecture import fitting


class Drawn(NamedTuple):
    """Answers as tensors: prompts end, and answers begin, at the same place."""

    ids: Any
    """`int64` (answers, prompt + answer): padded on both sides."""
    attention: Any
    """`int64`, of the same shape: 0 for padding."""
    mask: Any
    """`float32` (answers, answer): 1 up to the token that ends the answer."""


@functools.cache
def actor_class() -> type:
    """The module, made when torch is there."""
    import torch

    class Actor(torch.nn.Module):  # type: ignore[misc]
        """A language model, a head that expects a reward, and the weight of the distance to the reference."""

        def __init__(self, policy: Any, weight: float) -> None:
            super().__init__()
            self.policy = policy
            width = policy.config.get_text_config().hidden_size
            self.value = torch.nn.Linear(width, 1)
            torch.nn.init.zeros_(self.value.weight)
            torch.nn.init.zeros_(self.value.bias)
            self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64))

        def forward(self, drawn: Drawn, temperature: float) -> tuple[Any, Any, Any]:
            """Log-probability, entropy (nats) and expected reward (answers, answer) of and before each token."""
            answer = self.policy(**inputs(self.policy, drawn), use_cache=False, output_hidden_states=True)
            length = drawn.mask.shape[1]
            logps, entropy = likelihoods(answer.logits, drawn, temperature)
            hidden = answer.hidden_states[-1][:, -length - 1 : -1]
            return logps, entropy, self.value(hidden.to(self.value.weight.dtype)).squeeze(-1).float()

    return Actor


def inputs(policy: Any, drawn: Drawn) -> dict[str, Any]:
    """What a language model is fed: padding before a prompt takes no positions."""
    positions = (drawn.attention.cumsum(1) - 1).clamp(min=0)
    said = {"input_ids": drawn.ids, "attention_mask": drawn.attention, "position_ids": positions}
    return fitting(policy, said)


def likelihoods(logits: Any, drawn: Drawn, temperature: float) -> tuple[Any, Any]:
    """Log-probability and entropy (answers, answer) of the answers' tokens."""
    length = drawn.mask.shape[1]
    spread = (logits[:, -length - 1 : -1].float() / temperature).log_softmax(-1)
    logps = spread.gather(-1, drawn.ids[:, -length:].unsqueeze(-1)).squeeze(-1)
    return logps * drawn.mask, -(spread.exp() * spread).sum(-1) * drawn.mask


def answers(policy: Any, prompts: Sequence[Sequence[int]], tokens: int, temperature: float, padding: int) -> Drawn:
    """An answer to each prompt, drawn from all tokens by their chance. Each ends with the first token that
    the model's generation stops at."""
    import torch

    width = max(map(len, prompts))
    before = [width - len(prompt) for prompt in prompts]
    rows = [[padding] * gap + list(prompt) for gap, prompt in zip(before, prompts, strict=True)]
    ids = torch.tensor(rows, device=policy.device)
    attention = torch.tensor([[0] * gap + [1] * (width - gap) for gap in before], device=policy.device)
    how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0, "pad_token_id": padding}
    with torch.no_grad():
        made = policy.generate(input_ids=ids, attention_mask=attention, max_new_tokens=tokens, **how)
    said = made[:, width:]
    stops = policy.generation_config.eos_token_id
    ends = torch.isin(said, torch.tensor(stops if isinstance(stops, list) else [stops], device=said.device))
    mask = (ends.cumsum(1) - ends.long() == 0).long()
    return Drawn(made, torch.cat([attention, mask], dim=1), mask.float())


def joined(parts: Sequence[Drawn], padding: int) -> Drawn:
    """Several answers as one: padded before the prompts and behind the answers to the longest."""
    import torch
    from torch.nn.functional import pad

    after = max(part.mask.shape[1] for part in parts)
    before = max(part.ids.shape[1] - part.mask.shape[1] for part in parts)
    columns: list[list[Any]] = [[], [], []]
    for part in parts:
        length = part.mask.shape[1]
        sides = (before - part.ids.shape[1] + length, after - length)
        columns[0].append(pad(part.ids, sides, value=padding))
        columns[1].append(pad(part.attention, sides))
        columns[2].append(pad(part.mask, (0, after - length)))
    return Drawn(*(torch.cat(column) for column in columns))
