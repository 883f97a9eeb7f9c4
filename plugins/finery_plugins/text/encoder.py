"""Texts as the mean of a transformer's last hidden states, for an encoder that the user names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finery import Model, UsageError, said_by
from finery_plugins.train.architecture import locate, longest
from finery_plugins.train.site import demand, quieten

TOKENS = 512
"""Tokens of a text that are read where a model does not say how many it takes."""

MARGIN = 2
"""Positions that models of RoBERTa's kind leave out."""


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and its model."""

    tokenizer: Any
    model: Any
    tokens: int
    """Tokens of a text that are read; what is behind them counts for nothing."""

    def mean(self, text: str) -> np.ndarray:
        """`float32` (width,): the mean hidden state over the attention mask, of length 1."""
        import torch

        read = self.tokenizer(text, truncation=True, max_length=self.tokens, return_tensors="pt")
        with torch.no_grad():
            hidden = self.model(**read).last_hidden_state[0]  # (tokens, width)
        mask = read["attention_mask"][0][:, None].to(hidden.dtype)
        total = (hidden * mask).sum(0) / mask.sum().clamp(min=1)
        found: np.ndarray = torch.nn.functional.normalize(total, dim=0).numpy()
        return found


def encoded(name: str, texts: Sequence[str]) -> np.ndarray:
    """`float32` (n, width): the mean hidden state of each text, of length 1.

    One text at a time on one thread: beside others it would be padded, and the last bits of its numbers would
    depend on them. Raises MissingExtra without transformers, UsageError for a folder that is no safe model.
    """
    loaded = encoder(name)
    width = int(loaded.model.config.hidden_size)
    return np.stack([loaded.mean(text) for text in texts]) if texts else np.zeros((0, width), np.float32)


@functools.lru_cache(maxsize=2)
def encoder(name: str) -> Encoder:
    """An encoder in 32-bit floats: weights from safetensors only, no code from the model's folder."""
    where = f"embedder '{name}'"
    demand(where, "torch", "transformers", "tokenizers")
    import torch
    from transformers import AutoModel, AutoTokenizer

    quieten(1)
    place = locate(Model(path=Path(name), name=name, fingerprint=""), where)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        model = AutoModel.from_pretrained(place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError.at(where, "cannot be loaded", said_by(error)) from error
    known = longest(model)
    tokens = min(tokenizer.model_max_length, known - MARGIN if known else TOKENS)
    return Encoder(tokenizer, model.eval().requires_grad_(False), max(1, int(tokens)))
