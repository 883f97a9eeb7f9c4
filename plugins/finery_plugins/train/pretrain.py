"""Pre-training: a causal language model from scratch, or a given one trained further, on plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Dataset, Journal, Model, Needs, Stage, World, hookimpl, plugin
from finery_plugins.train import options
from finery_plugins.train.architecture import (
    Shape,
    context_of,
    fresh_model,
    left_model,
    loaded_model,
    stop_at,
)
from finery_plugins.train.causal import base_name, tidy, trained_causal
from finery_plugins.train.loop import Loop
from finery_plugins.train.records import Encode, Records, Sizes, sample, shaped, sizes
from finery_plugins.train.site import Site, settle
from finery_plugins.train.tokenizer import documents, kept_tokenizer, loaded_tokenizer, trained_tokenizer
from finery_plugins.train.tokens import tokenised


@plugin(needs=Needs(cpus=2, extra="train"))
class Pretrain:
    """Train a causal language model on text, from scratch or from `model`.

    From scratch, a byte-level BPE tokenizer is fitted to the records first and the options of size say how
    large the model is; with `model`, that model's tokenizer and size stand. Documents are packed into rows of
    `context` tokens.
    """

    split: options.Split = "train"
    architecture: str = "llama"
    """The `model_type` of any causal language model in transformers."""
    layers: Annotated[int, Field(ge=1)] = 4
    """Blocks of attention and feed-forward layers."""
    width: Annotated[int, Field(ge=8)] = 256
    """Size of the hidden states."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; the width is a multiple of twice as many."""
    feedforward: Annotated[int | None, Field(ge=8)] = None
    """Width of the feed-forward layers; where not given, 8/3 of `width`, rounded up to 32."""
    tie_embeddings: bool = True
    """Use the input embedding as the output head too."""
    config: dict[str, Any] = Field(default_factory=dict)
    """More settings of the architecture, by their names in transformers, such as `rope_theta`."""
    vocabulary: Annotated[int, Field(ge=300, le=1_000_000)] = 4096
    """Tokens of the tokenizer: 256 bytes, 4 special tokens, the rest merges."""
    tokenizer_bytes: Annotated[int, Field(ge=1)] = 20_000_000
    """Bytes of text that the tokenizer is fitted to at most, drawn by chance."""
    context: options.Length = None
    packing: options.Packing = True
    steps: options.Steps = None
    epochs: options.Epochs = None
    tokens: options.Tokens = None
    batch: options.Rows = 16
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "cosine"
    warmup: options.Warmup = 0.05
    floor: options.Floor = 0.1
    weight_decay: options.WeightDecay = 0.1
    beta2: options.Beta2 = 0.95
    clip: options.Clip = 1.0
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def one_budget(self) -> Pretrain:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The trained model, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site)
        records = Records(examples, stage, self.split)
        shaped(records, ["text"], "pretrain reads text: name the sources that have it in `only`")
        found = sizes(records, "text")
        tokenizer = self.tokenizer(records, found, model, site)
        network, loop = self.network(tokenizer, model, site)
        context = context_of(network, self.context, site.place)
        under = found.below(needed_bytes(loop.budget(context), records, found, tokenizer))
        tokens = tokenised(records, ["text"], encoding(tokenizer), under, site)
        trained_causal(network, tokens, loop, context, self.packing, site)
        stop_at(network, tokenizer)
        made = left_model(network, tokenizer, out, stage.id, base_name(model))
        tidy(site)
        return made

    def tokenizer(self, records: Records, found: Sizes, model: Model | None, site: Site) -> Any:
        """The model's tokenizer, or one fitted to the records; an interrupted call's is used again."""
        if model is not None:
            return loaded_tokenizer(model, site.place)
        folder = site.out / "tokenizer"
        if not folder.exists():
            texts = sample(records, "text", found.below(self.tokenizer_bytes))
            beside = folder.with_name("tokenizer.unfinished")
            trained_tokenizer(texts, self.vocabulary, self.shape.context).save_pretrained(beside)
            beside.rename(folder)
        return kept_tokenizer(folder)

    def network(self, tokenizer: Any, model: Model | None, site: Site) -> tuple[Any, Loop]:
        """The model to train, and the loop with its learning rate."""
        import torch

        if model is not None:
            return loaded_model(model, site.place), Loop.of(self, lr=self.lr or 5e-5)
        torch.manual_seed(site.stage.seed % 2**32 if self.seed is None else self.seed)
        return fresh_model(self.shape, tokenizer, site.place), Loop.of(self, lr=self.lr or 1e-3)

    @property
    def shape(self) -> Shape:
        """The size of a model made from scratch; 512 tokens of context where none are given."""
        return Shape(
            self.architecture,
            self.layers,
            self.width,
            self.heads,
            self.feedforward,
            self.context or 512,
            self.tie_embeddings,
            self.config,
        )


def encoding(tokenizer: Any) -> Encode:
    """Text to tokens, a loss taken on each."""

    def encode(batch: pa.Table) -> Iterator[tuple[int, list[int]]]:
        texts = [text or "" for text in batch["text"].to_pylist()]
        yield from enumerate(documents(tokenizer, texts))

    return encode


def needed_bytes(budget: float, records: Records, found: Sizes, tokenizer: Any) -> float:
    """How many bytes of text hold `budget` tokens, a tenth more for safety, as 1 MB of the records shows."""
    if math.isinf(budget):
        return math.inf
    texts = sample(records, "text", found.below(1_000_000))
    size = sum(len(text.encode()) for text in texts)
    return budget * 1.1 * size / sum(map(len, documents(tokenizer, texts)))
