"""Pre-training: a causal language model from scratch, or a given one trained further, on plain text."""

from __future__ import annotations

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
    Trial,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.architecture import Shape, context_of, fresh_model, stop_at
from finery_plugins.train.causal import causal
from finery_plugins.train.course import carried_out, left, prepared, sow, whole
from finery_plugins.train.defaults import epochs_by_tokens, tuned_rate, with_rate
from finery_plugins.train.demand import texts_demand
from finery_plugins.train.dropout import drop_out
from finery_plugins.train.loop import Loop
from finery_plugins.train.method import Method, merged
from finery_plugins.train.preflight import check_rows
from finery_plugins.train.preview import preview_texts
from finery_plugins.train.site import Site, settle
from finery_plugins.train.sizes import made
from finery_plugins.train.texts import Fit, texts_of
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training
from finery_plugins.train.trial import fresh, probed, traced
from finery_plugins.train.vocabulary import Kind


@plugin(needs=Needs(cpus=2, extra="train"))
class Pretrain:
    """Train a causal language model on text, from scratch or from `model`.

    From scratch, a tokenizer is fitted to the records first and the options of size say how large the model is;
    with `model`, that model's tokenizer and size stand. Documents are packed into rows of `context` tokens;
    recurrent architectures, which carry one document over into the next, need `packing = false`.

    ```toml
    [[stage]]
    train = "pretrain"
    layers = 6
    width = 384
    heads = 6
    tokens = 50_000_000
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; a table such as `{ lora = { rank = 16 } }` less of a given `model`."""

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
    tokenizer: Kind = "bpe"
    """The tokenizer that is fitted: `bpe`, `unigram`, `word`, `character` or `byte`; none loses any text."""
    vocabulary: Annotated[int, Field(ge=300, le=1_000_000)] = 4096
    """Tokens of the tokenizer: 256 bytes, 4 special tokens, the rest merges, pieces, words or characters."""
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
    schedule: options.Schedule = "cosine"
    warmup: options.Warmup = 0.05
    floor: options.Floor = 0.1
    weight_decay: options.WeightDecay = 0.1
    beta2: options.Beta2 = 0.95
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
    def consistent(self) -> Pretrain:
        """Refuse options that do not go together."""
        return options.consistent(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The trained model, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site, together=True)
        texts = texts_of(examples, self.split, "pretrain", site)
        tokenizer = texts.tokenizer(model, self.fit)
        network = self.network(tokenizer, model, site)
        context = context_of(network, self.context, site.place)
        tokens = texts.tokens(tokenizer, Loop.of(self).budget(context))
        training = Training(
            network=lambda: self.network(tokenizer, model, site),
            objective=causal,
            tokens=tokens,
            loop=self.loop(tokens, network, model, site),
            site=site,
            context=context,
            packing=self.packing,
            early=self.early_stopping,
            held=texts.held(tokenizer, self.early_stopping),
        )
        check_rows(training, network, tokenizer)
        plain = merged(carried_out(training, network, self.folds), self.method, None)
        stop_at(plain, tokenizer)
        return left(plain, tokenizer, model, site)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_texts(self, examples, model, out, stage, ahead=1)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine."""
        return texts_demand(self, amounts, model, network, world, stage, made(self.shape, self.vocabulary))

    @hookimpl
    def trial(
        self,
        examples: Dataset,
        asked: Demand,
        model: Model | None,
        out: Path,
        world: World,
        stage: Stage,
        weights: bool,
    ) -> Trial:
        """What a few steps take."""
        if weights:
            return probed(self, examples, model, out, world, stage, weights)
        return traced(self, asked, model, stage, fresh(self, stage) if asked.aim == "pretrain" else None)

    @property
    def fit(self) -> Fit:
        """How a tokenizer is fitted where no model brings one."""
        return Fit(self.tokenizer, self.vocabulary, self.tokenizer_bytes, self.shape.context)

    def network(self, tokenizer: Any, model: Model | None, site: Site) -> Any:
        """The model to train."""
        if model is not None:
            return prepared(model, self.method, self.dropout, self.seed, site)
        whole(self.method, site)
        sow(self.seed, site)
        return drop_out(fresh_model(self.shape, tokenizer, site.place), self.dropout, site.place)

    def loop(self, tokens: Tokens, network: Any, model: Model | None, site: Site) -> Loop:
        """The loop with a learning rate and a budget."""
        loop = Loop.of(self)
        if model is None:
            loop = epochs_by_tokens(loop, len(tokens.flat), network.num_parameters(), site)
            return with_rate(loop, 1e-3, "is usual from scratch", site)
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
            self.feedforward,
            self.context or 512,
            self.tie_embeddings,
            self.config,
        )
