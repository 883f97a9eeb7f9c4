"""The training keeps its contract, and learns."""

# ruff: noqa: S101, S106
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery import Model, Stage, World
from finery.testing import MemoryJournal, conformance
from finery_registry.templates.train import Starter

test_it_keeps_the_contract = conformance(Starter())

TEXTS = ["the sea is wide and the sea is deep", "a ship goes out and a ship comes in", ""] * 8
STAGE = Stage("toy", "train", "starter", 17)


@dataclass(frozen=True)
class Records:
    """Examples in memory."""

    texts: list[str]
    fingerprint: str = "f"
    sources: tuple[str, ...] = ("a",)

    @property
    def records(self) -> int:
        """How many there are."""
        return len(self.texts)

    def columns(self, source: str) -> tuple[str, ...]:
        """Those of a text."""
        return ("id", "source", "text")

    def batches(self, columns: Any = None, only: Any = None) -> Any:
        """One batch."""
        named = {"id": list(map(str, range(len(self.texts)))), "source": ["a"] * len(self.texts), "text": self.texts}
        yield pa.table(named)


def tiny(folder: Path) -> Model:
    """A model of 10,000 weights and a tokenizer of bytes, made here: nothing is downloaded."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate([*letters, "<end>"])}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>").save_pretrained(folder)
    config = GPT2Config(
        vocab_size=257, n_positions=64, n_embd=32, n_layer=1, n_head=2, eos_token_id=256, bos_token_id=256
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return Model(path=folder, name="tiny", fingerprint="t")


def test_the_loss_falls_and_the_model_is_there(tmp_path: Path) -> None:
    journal, out = MemoryJournal(), tmp_path / "out"
    out.mkdir()
    plugin = Starter(learning_rate=3e-3, context=64, records=4)
    model = plugin.train(Records(TEXTS * 4), tiny(tmp_path / "base"), out, World(), STAGE, journal)
    losses = list(journal.values("loss").values())
    assert len(losses) == 16
    assert losses[-1] < losses[0]
    assert (model.path / "model.safetensors").is_file()
