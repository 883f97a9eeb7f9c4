"""ELECTRA: an encoder that learns to tell which tokens a small generator replaced, from scratch or trained further."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from finery import (
    Amount,
    Companion,
    Dataset,
    Demand,
    HubFile,
    Journal,
    Model,
    Needs,
    Network,
    Preview,
    Stage,
    UsageError,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.train import options
from finery_plugins.train.architecture import GENERATOR, MASKED, Shape, configuration, context_of, loaded_model
from finery_plugins.train.course import carried_out, left, sow, whole
from finery_plugins.train.defaults import epochs_by_tokens, tuned_rate, with_rate
from finery_plugins.train.demand import method_parts, texts_demand
from finery_plugins.train.dropout import drop_out
from finery_plugins.train.loop import Loop
from finery_plugins.train.masking import maskable, masking
from finery_plugins.train.method import Method, adapted, merged
from finery_plugins.train.preflight import check_rows
from finery_plugins.train.preview import preview_texts
from finery_plugins.train.replaced import pair_class, replaced
from finery_plugins.train.site import Site, place, settle
from finery_plugins.train.sizes import made, network_of
from finery_plugins.train.texts import Fit, texts_of
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training
from finery_plugins.train.trial import probed
from finery_plugins.train.vocabulary import Kind

TELLS = "PreTraining"
"""How transformers calls a model that tells which tokens were replaced."""


@plugin(needs=Needs(cpus=2, extra="train"))
class Electra:
    """Train an encoder on replaced tokens (Clark et al. 2020), from scratch or from `model`.

    A small generator learns to fill in masked tokens; what it writes stands in the text that the encoder, the
    discriminator, is shown, which learns to tell every token that was replaced. Masks and what the generator writes
    follow from seed, epoch, record and place, so that an interrupted training ends in the same weights. The result is
    the discriminator as a plain folder, with the generator in `generator/`; both share their embeddings.

    ```toml
    [[stage]]
    train = "electra"
    layers = 6
    width = 256
    generator = 0.25
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; a table such as `{ lora = { rank = 16 } }` less of a given `model`."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """The share of tokens that the generator fills in; at least one in each document."""
    weight: Annotated[float, Field(gt=0)] = 50.0
    """What the discriminator's mean loss a token weighs against the generator's mean loss a masked token."""
    generator: Annotated[float, Field(gt=0, le=1)] = 0.25
    """The generator's width and heads, as a share of the discriminator's."""
    generator_model: HubFile | None = None
    """With `model`: its generator, a folder or a hub name; the folder `generator` in the model's where not given."""
    split: options.Split = "train"
    layers: Annotated[int, Field(ge=1)] = 4
    """Blocks of attention and feed-forward layers, of both."""
    width: Annotated[int, Field(ge=8)] = 256
    """Size of the discriminator's hidden states."""
    heads: Annotated[int, Field(ge=1)] = 4
    """The discriminator's attention heads; the width is a multiple of twice as many."""
    feedforward: Annotated[int | None, Field(ge=8)] = None
    """Width of the discriminator's feed-forward layers; where not given, four times `width`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """More settings of both, by their names in transformers, such as `embedding_size`, which is `width` here."""
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
    def consistent(self) -> Electra:
        """Refuse options that do not go together."""
        return options.consistent(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The trained discriminator, in `out`."""
        site = Site(out, world, stage, journal)
        settle(site, together=True)
        texts = texts_of(examples, self.split, "electra", site)
        tokenizer = texts.tokenizer(model, self.fit)
        maskable(tokenizer, site.place)
        pair = self.pair(tokenizer, model, site)
        context = context_of(pair.discriminator, self.context, site.place)
        tokens = texts.tokens(tokenizer, Loop.of(self).budget(context))
        hidden = masking(tokenizer, site.stage, self.share, 0, replaces=False)
        training = Training(
            network=lambda: self.pair(tokenizer, model, site),
            # The paper adds means; a mean over masked tokens has `share` times as many parts as one over all.
            objective=functools.partial(replaced, masking=hidden, weight=self.weight * self.share),
            tokens=tokens,
            loop=self.loop(tokens, pair, model, site),
            site=site,
            context=context,
            packing=self.packing,
            ahead=0,
            early=self.early_stopping,
            held=texts.held(tokenizer, self.early_stopping),
        )
        check_rows(training, pair, tokenizer)
        pair = carried_out(training, pair, self.folds)
        generator = merged(pair.generator, self.method, None)
        if not world.rank:
            generator.save_pretrained(out / GENERATOR)
        return left(merged(pair.discriminator, self.method, None), tokenizer, model, site)

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_texts(self, examples, model, out, stage, ahead=0, kind=MASKED)

    @hookimpl
    def demand(
        self, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
    ) -> Demand:
        """What a training on so much text would ask of a machine, of both networks."""
        fresh = made(self.shape(self.width, self.heads), self.vocabulary, plain=True)
        large = network or (network_of(model, place(stage)) if model else fresh)
        companion = self.companion(large, model, stage)
        # The budget goes by the parameters of both.
        both = replace(large, parameters=large.parameters + companion.network.parameters)
        asked = texts_demand(self, amounts, model, large, world, stage, both)
        # Its head answers a number a token: the embeddings are looked up alone.
        found = replace(large, active=large.parameters - large.embedding)
        return replace(asked, network=found, scores=1, companion=companion)

    def companion(self, large: Network, model: Model | None, stage: Stage) -> Companion:
        """The generator beside a discriminator, whose embeddings it uses too."""
        folder = Path(self.generator_model) if self.generator_model else model and model.path / GENERATOR
        if model and folder and (self.generator_model or folder.is_dir()):
            small = network_of(replace(model, path=folder), place(stage))
        else:
            heads = max(1, round(large.heads * self.generator))
            shape = self.shape(heads * large.width // large.heads, heads)
            small = made(replace(shape, layers=large.layers), large.vocabulary, plain=True)
        own = small.layers * small.block + 2 * small.width * large.width
        head = round(self.share * large.embedding)
        small = replace(small, parameters=own, active=own + head)
        parts = method_parts(self.method, small)
        counts = {name: parts[name] for name in ("trained", "added", "rank") if name in parts}
        return Companion(small, self.share, **counts)

    trial = hookimpl(probed)

    @property
    def fit(self) -> Fit:
        """How a tokenizer is fitted where no model brings one."""
        return Fit(self.tokenizer, self.vocabulary, self.tokenizer_bytes, self.context or 512, masks=True)

    def pair(self, tokenizer: Any, model: Model | None, site: Site) -> Any:
        """Generator and discriminator, ready for their first step."""
        sow(self.seed, site)
        found = self.fresh(tokenizer, site) if model is None else self.given(model, site)
        made = pair_class()(*(drop_out(part, self.dropout, site.place) for part in found))
        made.generator = adapted(made.generator, self.method, site, None)
        made.discriminator = adapted(made.discriminator, self.method, site, None)
        made.parts = (made.generator, made.discriminator)
        return made

    def given(self, model: Model, site: Site) -> tuple[Any, Any]:
        """Generator and discriminator of a model. Raises UsageError where it has no generator."""
        place = Path(self.generator_model) if self.generator_model else model.path / GENERATOR
        if self.generator_model is None and not place.is_dir():
            fault = f"model '{model.name}' has no generator beside it"
            raise UsageError.at(site.place, fault, "name one in `generator_model`")
        beside = replace(model, path=place)
        return loaded_model(beside, site.place, MASKED), loaded_model(model, site.place, TELLS)

    def fresh(self, tokenizer: Any, site: Site) -> tuple[Any, Any]:
        """Generator and discriminator with random weights. Raises UsageError for a shape that no model can have."""
        from transformers import ElectraForMaskedLM, ElectraForPreTraining

        whole(self.method, site)
        if self.width % (2 * self.heads):
            remedy = f"make `width` a multiple of {2 * self.heads}, twice the heads"
            raise UsageError.at(site.place, f"{self.width} does not divide among {self.heads} heads", remedy)
        heads = max(1, round(self.heads * self.generator))
        small = self.shape(heads * self.width // self.heads, heads)
        generator = ElectraForMaskedLM(configuration(small, tokenizer, site.place, MASKED))
        large = self.shape(self.width, self.heads)
        return generator, ElectraForPreTraining(configuration(large, tokenizer, site.place, MASKED))

    def shape(self, width: int, heads: int) -> Shape:
        """The size of the generator or the discriminator."""
        feedforward = (self.feedforward or 4 * self.width) * width // self.width
        settings = {"embedding_size": self.width, **self.config}
        return Shape("electra", self.layers, width, heads, feedforward, self.context or 512, True, settings)

    def loop(self, tokens: Tokens, pair: Any, model: Model | None, site: Site) -> Loop:
        """The loop with a learning rate and a budget."""
        loop = Loop.of(self)
        if model is None:
            loop = epochs_by_tokens(loop, len(tokens.flat), pair.num_parameters(), site)
            return with_rate(loop, 5e-4, "is usual for encoders from scratch", site)
        if self.method != "full":
            return tuned_rate(loop, self.method, site)
        return with_rate(loop, 5e-5, "is usual for going on from a model", site)
