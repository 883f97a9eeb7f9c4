"""A tiny model that is taught some token sequences by heart, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation_samples import tiny

from finery import Model
from finery_plugins.train.architecture import fingerprint
from finery_plugins.train.tokenizer import plain_ids


def taught(folder: Path, texts: Sequence[str], ends: bool = True, steps: int = 120, chat: bool = False) -> Model:
    """A model trained on texts, rendered already if it is to chat; with or without the token that ends one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tiny(folder, 0, chat)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    eos = [tokenizer.eos_token_id]
    found = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if chat else plain_ids(tokenizer, texts)
    rows = [([] if chat else eos) + ids + (eos if ends else []) for ids in found]
    width = max(map(len, rows))
    inputs = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model(input_ids=inputs, labels=labels).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return Model(folder, folder.name, fingerprint(folder), base.name)
