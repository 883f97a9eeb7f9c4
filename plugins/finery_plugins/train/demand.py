"""What a training would ask of a machine, from options and sizes alone: no weights, no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from finery import Amount, Demand, Model, Network, Stage, UsageError, World
from finery_plugins.train.defaults import epochs_by_records, epochs_by_tokens
from finery_plugins.train.loop import Loop
from finery_plugins.train.loss import CHUNK_LOGITS
from finery_plugins.train.method import Method, default_rate
from finery_plugins.train.packing import best_fit, cut
from finery_plugins.train.silent import Silent
from finery_plugins.train.site import Site, place
from finery_plugins.train.sizes import folder_of, network_of

Aim = Literal["pretrain", "continue"]

TURN_TOKENS = 5
"""What a chat template adds to a message, about."""
NF4_BYTES = 0.516
"""A weight in 4 bits, with its scales (Dettmers et al. 2023)."""
PER_TOKEN = {300: 1.3, 800: 2.3, 4096: 3.2, 16_384: 3.9, 32_000: 4.1, 50_000: 4.3, 128_000: 4.5, 1_000_000: 4.8}
"""Characters of English prose that a token of byte-pair encoding stands for, by the size of the vocabulary."""
PAIR_COPIES = 3.0
"""How often the logits of TRL's losses are there at once: as answered, as log-probabilities, and their gradient."""


@dataclass(frozen=True)
class Fed:
    """Tokens of what a training is fed, before they are put into rows."""

    by_source: dict[str, float]
    lengths: np.ndarray
    """`int64` (pieces,): of the records that were looked at."""
    records: int
    learnt: float
    loop: Loop
    """How it is gone over."""
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """All tokens of one epoch."""
        return sum(self.by_source.values())


def texts_demand(
    plugin: Any,
    amounts: Sequence[Amount],
    model: Model | None,
    network: Network | None,
    world: World,
    stage: Stage,
    fresh: Network | None = None,
    learnt: float = 1.0,
) -> Demand:
    """The demand of a training on text; `fresh` is the network that is made where there is no model."""
    known = fresh if fresh is not None and model is None else network or network_of(given(model, stage), place(stage))
    fed = tokens_of(plugin, amounts, model, known)
    aim: Aim = "pretrain" if model is None else "continue"
    fed = budgeted(replace(fed, learnt=learnt), stage, known if model is None else None)
    made = packed_demand(plugin, fed, known, world)
    return replace(made, aim=aim, lr=plugin.lr or (1e-3 if model is None else 5e-5))


def chats_demand(
    plugin: Any, amounts: Sequence[Amount], model: Model | None, network: Network | None, world: World, stage: Stage
) -> Demand:
    """The demand of a training on conversations, of which the answers are learnt."""
    known = network or network_of(given(model, stage), place(stage))
    fed = budgeted(tokens_of(plugin, amounts, model, known), stage, tunes=True)
    made = packed_demand(plugin, fed, known, world)
    return replace(made, aim="tune", lr=plugin.lr or default_rate(plugin.method))


def given(model: Model | None, stage: Stage) -> Model:
    """The model. Raises UsageError where there is none."""
    if model is None:
        raise UsageError.at(place(stage), "has no model to tune", "set `model`, or train one before it")
    return model


def tokens_of(plugin: Any, amounts: Sequence[Amount], model: Model | None, network: Network) -> Fed:
    """The tokens of each source's records of the plugin's split."""
    notes: list[str] = []
    rate = characters_a_token(model, amounts, network.vocabulary, getattr(plugin, "tokenizer", "bpe"), notes)
    by_source: dict[str, float] = {}
    lengths, answers, records = [], 0.0, 0.0
    for one in amounts:
        share = split_share(one, plugin.split)
        count, more = one.records * share, 1 + TURN_TOKENS * one.turns
        tokens = one.characters * share / rate + count * more
        by_source[one.source] = tokens
        lengths.append(np.asarray(one.lengths) / rate + more)
        answers += tokens * one.answers
        records += count
    flat = np.maximum(np.concatenate(lengths), 1).astype(np.int64) if lengths else np.ones(1, np.int64)
    total = sum(by_source.values())
    loop = Loop.of(plugin, tokens=getattr(plugin, "tokens", None))
    return Fed(by_source, flat, round(records), answers / total if total else 1.0, loop, tuple(notes))


def split_share(amount: Amount, split: str) -> float:
    """The share of a source's records that a split has; all where the source has none."""
    return amount.splits.get(split, 0.0) if amount.splits else 1.0


def characters_a_token(
    model: Model | None, amounts: Sequence[Amount], vocabulary: int, kind: str, notes: list[str]
) -> float:
    """Characters that a token stands for: by the model's tokenizer where it is here, else by the vocabulary's size."""
    folder = folder_of(str(model.path)) if model is not None else None
    texts = [text for one in amounts for text in one.sample[:16]]
    if folder is not None and (folder / "tokenizer.json").is_file() and texts:
        return measured(folder / "tokenizer.json", texts)
    plain = {"byte": 1.0, "character": 1.0, "word": 6.0}
    rate = plain.get(kind) or float(
        np.interp(math.log(vocabulary), [math.log(v) for v in PER_TOKEN], [*PER_TOKEN.values()])
    )
    notes.append(f"{rate:.2g} characters a token: usual for {vocabulary:,} tokens, as there is no tokenizer yet")
    return rate


def measured(file: Path, texts: Sequence[str]) -> float:
    """Characters a token of some texts."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(file)).encode_batch_fast(list(texts), add_special_tokens=False)
    return sum(map(len, texts)) / max(sum(len(one.ids) for one in made), 1)


def budgeted(fed: Fed, stage: Stage, fresh: Network | None = None, tunes: bool = False) -> Fed:
    """What is fed with the loop that goes over it, its budget chosen as the training would choose it, and why.

    Trainings from scratch go by tokens a parameter, those that tune by records.
    """
    silent = Silent()
    site = Site(Path(), World(), stage, silent)
    loop = fed.loop
    if fresh is not None:
        loop = epochs_by_tokens(loop, round(fed.total), fresh.parameters, site)
    elif tunes:
        loop = epochs_by_records(loop, fed.records, site)
    return replace(fed, loop=loop, notes=(*fed.notes, *silent.notes))


def packed_demand(plugin: Any, fed: Fed, network: Network, world: World) -> Demand:
    """The demand of rows that hold documents one behind the other, or one each."""
    loop = fed.loop
    context = plugin.context or min(network.context or 2048, 2048)
    _, _, pieces = cut(fed.lengths, context)
    together = plugin.packing
    rows_of = best_fit(pieces, context) if together else np.arange(len(pieces))
    count = int(rows_of.max()) + 1
    # Pieces of like length may leave a part of every row free: a pass is no wider than its fullest row.
    sums = np.bincount(rows_of, weights=pieces)
    fullest = int(sums.max())
    # Without packing a pass is as wide as its longest row: rows of like length stand together where asked.
    wide = fullest if together else width_of(pieces, loop)
    scale = fed.total / max(int(pieces.sum()), 1)
    filled = float(pieces.sum()) / (count * wide)
    rows = max(1, math.ceil(count * scale))
    total = loop.total_rows(rows, context)
    steps = -(-total // loop.step_rows)
    return Demand(
        network=network,
        aim="tune",
        rows=loop.batch,
        context=fullest,
        steps=steps,
        tokens=float(total) * wide,
        records=fed.records,
        accumulate=loop.accumulate,
        epochs=total / rows,
        filled=min(filled, 1.0),
        learnt=fed.learnt,
        by_source=fed.by_source,
        # Positions restart behind a short row as they do between documents, and either asks for a mask.
        is_masked=count < len(pieces) or bool(sums.min() < fullest),
        logits=CHUNK_LOGITS,
        is_dropping=is_dropping(plugin, network),
        levers=levers(plugin),
        notes=fed.notes,
        warmup=loop.warmup,
        **method_parts(plugin.method, network),
        **loop_parts(loop, world),
    )


def is_dropping(plugin: Any, network: Network) -> bool:
    """Whether a training leaves activations out: as its options say, else as the network does."""
    said = getattr(plugin, "dropout", None)
    return network.is_dropping if said is None else said > 0


def width_of(pieces: np.ndarray, loop: Loop) -> float:
    """How wide a pass is on average, where each row is one piece."""
    order = np.sort(pieces) if loop.group_by_length else pieces
    size = max(loop.batch, 1)
    widest = [int(order[start : start + size].max()) for start in range(0, len(order), size)]
    return float(np.mean(widest))


def loop_parts(loop: Loop, world: World) -> dict[str, Any]:
    """What a loop says of memory and workers; they share the passes of a step among them."""
    return {
        "compute_bytes": 2 if loop.bf16 else 4,
        "is_checkpointed": loop.gradient_checkpointing,
        "workers": world.size,
        "zero": loop.zero or 0,
        "offload": loop.offload or "",
    }


def method_parts(method: Method, network: Network) -> dict[str, Any]:
    """What a method says of what is trained and how the rest is held."""
    if isinstance(method, str):
        return {}
    said = getattr(method, method.name)
    if method.name == "freeze":
        frozen = said.layers * network.block + said.embeddings * network.embedding
        return {"trained": max(network.parameters - frozen, 1), "method": "freeze"}
    added = ADDED[method.name](said, network)
    parts: dict[str, Any] = {"trained": added, "added": added, "method": method.name}
    if method.name in ("lora", "dora", "qlora"):
        parts["rank"] = said.rank
    if method.name == "qlora":
        small = network.layers * network.block
        parts["frozen_bytes"] = (small * NF4_BYTES + (network.parameters - small) * 4) / network.parameters
    return parts


MATRICES = {
    "q_proj": ("width", "queries"), "k_proj": ("width", "keys"), "v_proj": ("width", "keys"),
    "o_proj": ("queries", "width"), "gate_proj": ("width", "feedforward"), "up_proj": ("width", "feedforward"),
    "down_proj": ("feedforward", "width"),
}  # fmt: skip
"""The matrices of a layer by their usual names: the sizes of what each is fed and answers."""


def low_rank(said: Any, network: Network) -> int:
    """Parameters of an adapter of two thin matrices beside each chosen one: rank times both sizes (Hu et al. 2021)."""
    chosen = [n for n in MATRICES if n in said.targets] if said.targets else list(MATRICES)
    chosen = [n for n in chosen or MATRICES if network.is_gated or n != "gate_proj"]
    sides = sum(getattr(network, size) for name in chosen for size in MATRICES[name])
    return int(network.layers * said.rank * sides)


ADDED: dict[str, Any] = {
    "lora": low_rank,
    "qlora": low_rank,
    "dora": lambda said, n: low_rank(said, n) + n.layers * (n.queries + 2 * n.keys + 2 * n.width + 2 * n.feedforward),
    "ia3": lambda _, n: n.layers * (2 * n.keys + n.feedforward),
    "prefix": lambda said, n: said.length * n.layers * 2 * n.keys,
    "adapter": lambda said, n: n.layers * said.width * n.width * (3 if n.is_gated else 2),
}
"""Parameters that a method adds."""


def levers(plugin: Any) -> dict[str, str]:
    """What to write in a stage for something else, of the options that the plugin has."""
    found = {"context": "context = {context}"}
    if plugin.batch > 1:
        found["batch"] = f"batch = {plugin.batch // 2}, accumulate = {plugin.accumulate * 2}"
    if hasattr(plugin, "gradient_checkpointing"):
        found["checkpointing"] = "gradient_checkpointing = true"
    if hasattr(plugin, "bf16"):
        found["mixed"] = "bf16 = true"
    if hasattr(plugin, "method"):
        found |= {
            "adapter": "method = {{ lora = {{ rank = {rank} }} }}",
            "quantised": "method = {{ qlora = {{ rank = {rank} }} }}",
        }
    if hasattr(plugin, "zero"):
        found["zero"] = "zero = {stage}, needs = {{ workers = {workers} }}"
    return found
