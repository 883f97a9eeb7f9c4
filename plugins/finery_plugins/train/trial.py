"""A training tried: two steps of the real network without content, or three real ones."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from finery import Dataset, Demand, Model, Network, Stage, Trial, UsageError, World
from finery_plugins.train.allocations import Ledger, watching
from finery_plugins.train.architecture import CAUSAL, auto_class, configuration
from finery_plugins.train.causal import attached
from finery_plugins.train.method import adapted
from finery_plugins.train.policy import configured
from finery_plugins.train.silent import Silent
from finery_plugins.train.site import Site, demand, place, quieten

STEPS = 3
"""Real steps: states are there from the second on, and the third is as quick as all others."""
NEVER = 1_000_000_000
OFF = {
    "epochs": None, "tokens": None, "max_seconds": None, "early_stopping": None, "folds": None,
    "checkpoint_steps": NEVER, "log_steps": 1,
}  # fmt: skip
"""Options that a try of a few steps does without."""


@dataclass
class Noted(Silent):
    """A journal that keeps metrics too, and when each step was over."""

    values: dict[str, list[float]] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def metric(self, name: str, value: float, step: int | None = None, source: str | None = None) -> None:
        """Keep one number."""
        if source is None:
            self.values.setdefault(name, []).append(value)

    def progress(self, done: float, total: float, unit: str) -> None:
        """Keep the time of a step."""
        if unit == "steps":
            self.times.append(time.perf_counter())


def probed(
    plugin: Any, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, weights: bool
) -> Trial:
    """What three real steps on the examples take: the `trial` of a plugin, as it stands.

    Raises UsageError without weights, and for too few records.
    """
    if not weights:
        raise UsageError.at(place(stage), "has no trace: its steps are another library's", "try `finery plan --probe`")
    known = {part.name for part in fields(plugin)}
    off = {name: value for name, value in OFF.items() if name in known}
    journal = Noted()
    few = replace(plugin, **off, steps=STEPS)
    few.train(examples=examples, model=model, out=out, world=replace(world, size=1), stage=stage, journal=journal)
    took = [after - before for before, after in itertools.pairwise(journal.times)]
    if not took or "peak_bytes" not in journal.values:
        raise UsageError.at(place(stage), "took too few steps to be measured", "are there records enough?")
    return Trial(journal.values["peak_bytes"][-1], seconds=min(took), steps=STEPS, notes=tuple(journal.notes))


def traced(plugin: Any, asked: Demand, model: Model | None, stage: Stage, made: Any = None) -> Trial:
    """What two steps of the real network hold, on tensors without content; `made` makes a network that is new.

    The steps are those of the training: the same loss in chunks, clipping, AdamW. What a machine's libraries hold
    beside tensors is not in it. Raises UsageError for what cannot be tried so.
    """
    demand(place(stage), "torch", "transformers")
    quieten(1)
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    ledger = Ledger()
    with torch.device("meta"):
        network = prepared(plugin, asked, model, stage, made)
    with FakeTensorMode(allow_non_fake_inputs=True), watching(ledger):
        hollow(network)
        learning = [weight for weight in network.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(learning, lr=1e-4, fused=True)
        with plain_masks(asked), attached(network, True) as objective:
            for _ in range(2):
                step(network, objective.loss, optimizer, asked, ledger)
    ledger.settle()
    return Trial(float(ledger.peak), {name: float(size) for name, size in ledger.parts.items()}, ledger.during)


def prepared(plugin: Any, asked: Demand, model: Model | None, stage: Stage, made: Any) -> Any:
    """The network with what the method adds, ready to be trained. Raises UsageError for weights in 4 bits."""
    where = place(stage)
    method = plugin.method
    if not isinstance(method, str) and method.name == "qlora":
        raise UsageError.at(where, "weights in 4 bits have no trace", "try `finery plan --probe`")
    site = Site(Path(), World(), stage, Silent())
    if made is not None:
        network = made()
    elif model is not None:
        network = auto_class(CAUSAL).from_config(configured(model, where), trust_remote_code=False)
    else:
        network = auto_class(CAUSAL).from_config(config_of(asked.network, where), trust_remote_code=False)
    network = adapted(network.train(), method, site)
    if asked.is_checkpointed:
        network.activation_checkpointing_enable()
    return network


def hollow(network: Any) -> None:
    """Give a network without memory weights that have a place and no content; those that are shared stay shared."""
    import torch

    known: dict[int, Any] = {}

    def placed(tensor: Any) -> Any:
        if id(tensor) not in known:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype)
            is_weight = isinstance(tensor, torch.nn.Parameter)
            known[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if is_weight else empty
        return known[id(tensor)]

    for module in network.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                held[name] = None if tensor is None else placed(tensor)


def config_of(network: Network, where: str) -> Any:
    """A configuration of a network's sizes. Raises UsageError where its kind is not known."""
    from transformers import AutoConfig

    if not network.kind:
        raise UsageError.at(where, "the sizes of its model are a guess", "download the model to trace it")
    return AutoConfig.for_model(
        network.kind,
        vocab_size=network.vocabulary,
        hidden_size=network.width,
        num_hidden_layers=network.layers,
        num_attention_heads=network.heads,
        num_key_value_heads=network.keys * network.heads // network.queries,
        head_dim=network.queries // network.heads,
        intermediate_size=network.feedforward,
        max_position_embeddings=network.context or 2048,
        tie_word_embeddings=network.is_tied,
    )


@dataclass(frozen=True)
class StandIn:
    """What a new network has to know of a tokenizer that is not fitted yet."""

    size: int
    bos_token_id: int = 0
    eos_token_id: int = 0
    pad_token_id: int = 1
    cls_token_id: int = 0
    sep_token_id: int = 0

    def __len__(self) -> int:
        return self.size


def fresh(plugin: Any, stage: Stage) -> Any:
    """Makes the network that a plugin's options describe."""
    where = place(stage)
    config = configuration(plugin.shape, StandIn(plugin.vocabulary), where)
    return lambda: auto_class(CAUSAL).from_config(config, trust_remote_code=False)


def step(network: Any, loss: Any, optimizer: Any, asked: Demand, ledger: Ledger) -> None:
    """One optimizer step; of many passes, two show all that more would."""
    import torch

    for _ in range(min(max(asked.accumulate // max(asked.workers, 1), 1), 2)):
        ledger.phase = "forward"
        ids = torch.ones(asked.rows, asked.context, dtype=torch.long)
        inputs = {"input_ids": ids}
        if asked.is_masked:
            inputs["position_ids"] = torch.arange(asked.context).expand(asked.rows, -1)
        count = max(1, round(ids.numel() * asked.filled * asked.learnt))
        loss.chosen = lambda count=count: torch.arange(count)
        with torch.autocast("cpu", torch.bfloat16, enabled=asked.compute_bytes < 4):
            total, _ = loss(network, inputs, ids)
        ledger.phase = "backward"
        (total / count).backward()
    ledger.phase = "step"
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


@contextlib.contextmanager
def plain_masks(asked: Demand) -> Iterator[None]:
    """Without the mask that transformers makes for every tracer, where a real pass has none.

    It looks into positions to see whether a row holds several documents, and makes a mask where it cannot look.
    """
    from transformers import masking_utils

    ours = {"is_tracing": lambda *_: False, "find_packed_sequence_indices": lambda *_: None}
    theirs = {name: getattr(masking_utils, name) for name in ours}
    try:
        for name, answer in ({} if asked.is_masked else ours).items():
            setattr(masking_utils, name, answer)
        yield
    finally:
        for name, answer in theirs.items():
            setattr(masking_utils, name, answer)
