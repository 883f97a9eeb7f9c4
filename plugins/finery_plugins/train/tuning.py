"""What all preference and reinforcement trainings share: how they begin, and the plain model folder they leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from finery import DataError, Dataset, Model, UsageError
from finery_plugins.train import checkpoints
from finery_plugins.train.architecture import context_of, left_model
from finery_plugins.train.conversation import templated
from finery_plugins.train.defaults import with_rate
from finery_plugins.train.loop import Loop
from finery_plugins.train.method import default_rate, merged
from finery_plugins.train.outcomes import Outcomes
from finery_plugins.train.packing import Packed, schedule
from finery_plugins.train.policy import given, policy, stops
from finery_plugins.train.preferences import Preferences, Read, Speller, demand_columns, in_rows
from finery_plugins.train.preflight import check_answers, check_sequences
from finery_plugins.train.records import Records
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site, settle
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import tokenised
from finery_plugins.train.tuner import Task, made_tuner, run
from finery_plugins.train.workers import meet, split


@dataclass(frozen=True)
class Beginning:
    """A training before its first step."""

    plugin: Any
    """Its options: `method`, `keep_adapter`, `chat`, `split`, `context` and the loop's among them."""
    site: Site
    base: Model
    tokenizer: Any
    network: Any
    context: int

    @property
    def speller(self) -> Speller:
        """How its prompts and answers become tokens."""
        return Speller(self.tokenizer, self.plugin.chat)

    def rows(
        self,
        records: Records,
        columns: Sequence[str],
        read: Read,
        count: int,
        together: bool = False,
        name: str = "tokens",
        room: int = 0,
    ) -> Packed:
        """The records' answers as rows of `count` sequences, their tokens in the folder `name` meanwhile.

        `room` tokens of the context are left free. Raises DataError where too many records are of no use.
        """
        fits = self.context - room
        if name == "tokens":
            check_answers(records, columns, read, self.speller, self.network, fits, self.site)
        encoder = Preferences(self.speller, fits, self.site, read)
        try:
            tokens = tokenised(records, columns, encoder.encode, 1.0, self.site, name)
        except DataError:  # nothing is left: the reason comes first, where there is one
            encoder.check()
            raise
        encoder.check()
        if name == "tokens":
            check_sequences(tokens, records, columns, read, self.network, self.tokenizer, self.site)
        return in_rows(tokens, count, together, self.context)

    def plan(self, rows: Packed, usual: float) -> Plan:
        """The rows in the order they are trained on; `usual` is the learning rate where none is given."""
        loop = self.loop(usual)
        return Plan(rows, schedule(rows, loop.total_rows(len(rows), self.context), self.site.stage), loop)

    def loop(self, usual: float) -> Loop:
        """The loop with its learning rate: `usual` is for training all weights, adapters take as much more as ever."""
        scale = default_rate(self.plugin.method) / default_rate("full")
        loop = Loop.of(self.plugin, tokens=getattr(self.plugin, "tokens", None))
        return with_rate(loop, usual * scale, f"is usual for {self.site.stage.plugin}", self.site)

    def outcomes(self, plan: Plan, measure: str = "loss", repeats: int = 1) -> Outcomes:
        """The account of a training. Raises UsageError where its rows do not divide among the workers."""
        site, loop = self.site, plan.loop
        shared = split(loop.step_rows, loop.batch, len(plan), site.world, site.place)
        return Outcomes(plan, site, shared, measure, repeats)

    def tuned(self, task: Task, outcomes: Outcomes) -> Model:
        """The model in the stage's folder, trained as the task says."""
        run(made_tuner(task, self.network, self.tokenizer, outcomes))
        return self.left()

    def left(self) -> Model:
        """The trained model as a plain folder, which the first worker leaves for all."""
        meet()
        if self.site.world.rank:
            return Model(self.site.out, self.site.stage.id, "", self.base.name)
        if "ref" in getattr(self.network, "peft_config", {}):  # TRL's copy of the adapter as it began
            self.network.delete_adapter("ref")
        site, adapter = self.site, self.site.out / "adapter"
        plain = merged(self.network, self.plugin.method, adapter if self.plugin.keep_adapter else None)
        if hasattr(plain, "generation_config") and plain.can_generate():
            stops(plain, self.tokenizer)
        made = left_model(plain, self.tokenizer, site.out, site.stage.id, self.base.name)
        checkpoints.remove(*(site.out / name for name in ("checkpoints", "tokens", "held", "preflight")))
        return made


def begun(plugin: Any, model: Model | None, site: Site, make: Callable[..., Any] = policy) -> Beginning:
    """A training of the network that `make` makes of a model, a method, a seed and the site.

    Raises UsageError where there is no model, or no template to speak in.
    """
    base = given(model, site)
    tokenizer = speaking(plugin, base, site)
    network = make(base, plugin.method, seed(plugin, site), site)
    return Beginning(plugin, site, base, tokenizer, network, context_of(network, plugin.context, site.place))


def speaking(plugin: Any, base: Model, site: Site) -> Any:
    """The model's tokenizer, with a token to pad with. Raises UsageError where it lacks what is needed."""
    tokenizer = loaded_tokenizer(base, site.place)
    if plugin.chat:
        templated(tokenizer, site.place)
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            fault = f"the tokenizer of '{base.name}' has neither a padding nor an end-of-text token"
            raise UsageError.at(site.place, fault, "set one of them in the model's tokenizer_config.json")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def seed(plugin: Any, site: Site) -> int:
    """The seed of new weights and dropout: 32 bits."""
    said: int = site.stage.seed if plugin.seed is None else plugin.seed
    return said % 2**32


def settled(
    plugin: Any, examples: Dataset, site: Site, kinds: Sequence[Sequence[str]], remedy: str, together: bool = False
) -> Records:
    """The records of a training that is ready to begin: several workers `together`, or one alone.

    Raises MissingExtra, and DataError for other columns.
    """
    settle(site, "trl", "datasets", together=together)
    records = Records(examples, site.stage, plugin.split)
    demand_columns(records, kinds, remedy)
    return records
