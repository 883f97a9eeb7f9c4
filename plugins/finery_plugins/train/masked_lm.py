"""Masked-language training: an encoder from scratch, or a given one trained further, on plain text."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from finery import (
    Amount,
    Dataset,
    Demand,
    Journal,
    Model,
    Needs,
    Network,
    Preview,
    Stage,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.architecture import MASKED, Shape, context_of, fresh_model, offset_of
from finery_plugins.train.course import carried_out, left, prepared, sow, whole
from finery_plugins.train.defaults import epochs_by_tokens, tuned_rate, with_rate
from finery_plugins.train.demand import texts_demand
from finery_plugins.train.dropout import drop_out
from finery_plugins.train.loop import Loop
from finery_plugins.train.masked import masked
from finery_plugins.train.masking import maskable, masking
from finery_plugins.train.method import Method, merged
from finery_plugins.train.preflight import check_rows
from finery_plugins.train.preview import preview_texts
from finery_plugins.train.site import Site, settle
from finery_plugins.train.sizes import made
from finery_plugins.train.texts import Fit, texts_of
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training
from finery_plugins.train.trial import probed
from finery_plugins.train.vocabulary import Kind


@plugin(needs=Needs(cpus=2, extra="train"))
class MaskedLm:
    """Train a model to fill in hidden tokens (Devlin et al. 2018), from scratch or from `model`.

    15 % of the tokens are chosen, anew in each epoch; of these 80 % are masked, 10 % replaced by any other token and
    10 % left as they are. Which ones follows from seed, epoch, record and place alone. Documents are packed into
    rows of `context` tokens behind a mask that keeps them apart. From scratch, a tokenizer is fitted to the records
    first, and the options of size say how large the model is.

    ```toml
    [[stage]]
    train = "masked-lm"
    architecture = "roberta"
    epochs = 4
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; a table such as `{ lora = { rank = 16 } }` less of a given `model`."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """The share of tokens that are chosen; at least one in each document."""
    split: options.Split = "train"
    architecture: str = "bert"
    """The `model_type` of any masked language model in transformers."""
    layers: Annotated[int, Field(ge=1)] = 4
    """Blocks of attention and feed-forward layers."""
    width: Annotated[int, Field(ge=8)] = 256
    """Size of the hidden states."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; the width is a multiple of twice as many."""
    feedforward: Annotated[int | None, Field(ge=8)] = None
    """Width of the feed-forward layers; where not given, four times `width`."""
    tie_embeddings: bool = True
    """Use the input embedding as the output head too."""
    config: dict[str, Any] = Field(default_factory=dict)
    """More settings of the architecture, by their names in transformers, such as `hidden_dropout_prob`."""
    tokenizer: Kind = "bpe"
    """The tokenizer that is fitted: `bpe`, `unigram`, `word`, `character` or `byte`; none loses any text."""
    vocabulary: Annotated[int, Field(ge=300, le=1_000_000)] = 4096
    """Tokens of the tokenizer: 256 bytes, 5 special tokens, the rest merges, pieces, words or characters."""
    tokenizer_bytes: Annotated[int, Field(ge=1)] = 20_000_000
    """Bytes of text that the tokenizer is fitted to at most, drawn by chance."""
    context: options.Length = None
    packing: options.Packing = True
    group_by_length: options.GroupByLength = True
    steps: options.Steps = None
    epochs: options.Epochs = None
    tokens: options.Tokens = None
    batch: options.Rows = 16
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "linear"
    warmup: options.Warmup = 0.05
    floor: options.Floor = 0.0
    weight_decay: options.WeightDecay = 0.01
    beta2: options.Beta2 = 0.98
    clip: options.Clip = 1.0
    dropout: options.Dropout = None
    early_stopping: options.Early = None
    folds: options.Folds = None
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    compile: options.Compile = False
    zero: options.Zero = None
    offload: options.Offload = None
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def consistent(self) -> MaskedLm:
        """Refuse options that do not go together."""
        return options.consistent(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The trained model, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site, together=True)
        texts = texts_of(examples, self.split, "masked-lm", site)
        tokenizer = texts.tokenizer(model, self.fit)
        maskable(tokenizer, site.place)
        network = self.network(tokenizer, model, site)
        context = context_of(network, self.context, site.place)
        tokens = texts.tokens(tokenizer, Loop.of(self).budget(context))
        training = Training(
            network=lambda: self.network(tokenizer, model, site),
            objective=functools.partial(masked, masking=masking(tokenizer, site.stage, self.share, offset_of(network))),
            tokens=tokens,
            loop=self.loop(tokens, network, model, site),
            site=site,
            context=context,
            packing=self.packing,
            ahead=0,
            early=self.early_stopping,
            held=texts.held(tokenizer, self.early_stopping),
        )
        check_rows(training, network, tokenizer, share=self.share)
        return left(merged(carried_out(training, network, self.folds), self.method, None), tokenizer, model, site)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_texts(self, examples, model, out, stage, ahead=0, kind=MASKED, share=self.share)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return texts_demand(
            self, amounts, model, network, world, stage, made(self.shape, self.vocabulary, plain=True), self.share
        )

    trial = hookimpl(probed)

    @property
    def fit(self) -> Fit:
        """How a tokenizer is fitted where no model brings one."""
        return Fit(self.tokenizer, self.vocabulary, self.tokenizer_bytes, self.context or 512, masks=True)

    def network(self, tokenizer: Any, model: Model | None, site: Site) -> Any:
        """The model to train."""
        if model is not None:
            return prepared(model, self.method, self.dropout, self.seed, site, MASKED)
        whole(self.method, site)
        sow(self.seed, site)
        return drop_out(fresh_model(self.shape, tokenizer, site.place, MASKED), self.dropout, site.place)

    def loop(self, tokens: Tokens, network: Any, model: Model | None, site: Site) -> Loop:
        """The loop with a learning rate and a budget."""
        loop = Loop.of(self)
        if model is None:
            loop = epochs_by_tokens(loop, len(tokens.flat), network.num_parameters(), site)
            return with_rate(loop, 5e-4, "is usual for encoders from scratch", site)
        if self.method != "full":
            return tuned_rate(loop, self.method, site)
        return with_rate(loop, 5e-5, "is usual for going on from a model", site)

    @property
    def shape(self) -> Shape:
        """The size of a model made from scratch; 512 tokens of context where none are given."""
        return Shape(
            self.architecture,
            self.layers,
            self.width,
            self.heads,
            self.feedforward or 4 * self.width,
            self.context or 512,
            self.tie_embeddings,
            self.config,
        )
