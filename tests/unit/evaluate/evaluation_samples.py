"""A tiny model, and a way to call evaluations as the kernel does."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finery import Evaluation, Model, Search, Stage, World
from finery.testing import MemoryJournal

sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

from training_samples import MemoryDataset, dataset

Lines = Callable[..., str]


def tiny(folder: Path, seed: int, chat: bool = True) -> Model:
    """A causal model of random weights, named by its seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from finery_plugins.train.architecture import fingerprint
    from finery_plugins.train.tokenizer import trained_tokenizer

    tokenizer = trained_tokenizer(["the mill stood above the weir", "question answer 春天 水 yes no"] * 20, 320, 512)
    if not chat:
        tokenizer.chat_template = None
    torch.manual_seed(seed)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        **ids,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Model(folder, folder.name, fingerprint(folder))


@dataclass
class Evaluator:
    """Calls a plugin as the kernel does, in a folder of its own."""

    out: Path
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    search: Search | None = None

    def __call__(
        self, plugin: Any, model: Model | None = None, examples: MemoryDataset | None = None, name: str = "after"
    ) -> Evaluation:
        stage = Stage(id=name, hook="evaluate", plugin="prompts", seed=17)
        given: dict[str, Any] = {"model": model, "examples": examples or dataset({}), "out": self.out}
        given |= {"world": World(threads=1), "stage": stage, "journal": self.journal, "search": self.search}
        wanted = inspect.signature(plugin.evaluate).parameters
        return plugin.evaluate(**{name: value for name, value in given.items() if name in wanted})


def rows_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The items that an evaluation keeps, their details read."""
    table = evaluation.items.read_all()
    return [{**row, "details": json.loads(row["details"])} for row in table.to_pylist()]
