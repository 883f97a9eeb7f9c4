"""What a model in a folder answers, for the tests of changed weights."""

from __future__ import annotations

from typing import Any

from finery import Model


def answer(model: Model) -> Any:
    """The logits (8, vocabulary) for eight tokens, by what anyone would load the folder with."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model.path, dtype=torch.float32).eval()
    with torch.no_grad():
        return network(input_ids=torch.tensor([[5, 9, 33, 7, 300, 41, 8, 2]])).logits[0]
