"""Tokens a second of our training, a bare PyTorch loop and TRL's SFTTrainer: one model, batch and data, in one run.

    python tests/bench/training.py [--steps 60] [--rounds 3] [--threads 1] [--only even|ragged]

The sides take turns in every round, so that whatever else the machine does is shared; ratios are of medians over
rounds, without the first steps of each. Tokens are real ones, padding left out. What the lineage costs is the share of
the time that is spent in the account of losses and steps, measured in the same run.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finery import Stage, World
from finery.testing import MemoryJournal
from finery_plugins.train import account
from finery_plugins.train.causal import causal
from finery_plugins.train.loop import Loop
from finery_plugins.train.packing import packed
from finery_plugins.train.site import Site, quieten
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training, trained

LIBRARIES = ("finery", "torch", "transformers", "trl", "accelerate")
CONTEXT, BATCH, LEARNING_RATE, BETA2, CLIP = 256, 8, 1e-3, 0.95, 1.0
WARM = 3
"""Steps of a round that are not counted."""
VOCABULARY = 4096
ACCOUNT = ("note", "numbers", "write", "end_epochs", "close", "save", "ready")


@dataclass
class Clock(MemoryJournal):
    """A journal that notes when each step ended."""

    ends: list[float] = field(default_factory=list)

    def progress(self, done: float, total: float, unit: str) -> None:
        """Note the time."""
        if unit == "steps":
            self.ends.append(time.perf_counter())


def network(vocabulary: int = VOCABULARY, width: int = 128, layers: int = 4) -> Any:
    """A model of the Llama kind with random weights, the same ones each time."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    sizes = {"hidden_size": width, "intermediate_size": width * 8 // 3, "num_hidden_layers": layers}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4}
    config = LlamaConfig(vocab_size=vocabulary, **sizes, **heads, max_position_embeddings=CONTEXT, pad_token_id=0)
    return AutoModelForCausalLM.from_config(config)


def tokens(lengths: np.ndarray) -> Tokens:
    """Sequences of these lengths in which the next token follows from the one before it, mostly."""
    draw = np.random.default_rng(0)
    flat = np.cumsum(draw.integers(1, 8, int(lengths.sum())), dtype=np.int64) % (VOCABULARY - 4) + 4
    starts = np.cumsum(lengths) - lengths
    names = [number.to_bytes(16, "big") for number in range(len(lengths))]
    ids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array(names, pa.binary(16)))
    return Tokens(flat.astype(np.int32), starts, lengths, np.zeros(len(lengths), np.int32), ids, ("made",))


def lengths_of(kind: str, steps: int) -> np.ndarray:
    """`int64` (sequences,): all as long as a row, or of all lengths up to it."""
    count = steps * BATCH
    if kind == "even":
        return np.full(count, CONTEXT + 1, np.int64)
    drawn = np.random.default_rng(1).lognormal(4.2, 0.8, count)
    return np.clip(drawn, 8, CONTEXT + 1).astype(np.int64)


def loop(steps: int) -> Loop:
    """The loop that all sides carry out: constant rate, AdamW, clipped."""
    return Loop(
        steps=steps,
        epochs=None,
        tokens=None,
        batch=BATCH,
        accumulate=1,
        lr=LEARNING_RATE,
        schedule="constant",
        warmup=0.0,
        floor=0.0,
        weight_decay=0.0,
        beta2=BETA2,
        clip=CLIP,
        max_seconds=None,
        seed=0,
        bf16=False,
        gradient_checkpointing=False,
        checkpoint_steps=10**9,
        log_steps=10,
    )


@dataclass(frozen=True)
class Speed:
    """What a side did in a round."""

    seconds: list[float]
    """Of each step that counts."""
    tokens: list[int]
    """That each of these steps fed the model."""
    account: float = 0.0
    """The share of the round that the account of losses and steps took."""

    @property
    def rate(self) -> float:
        """Tokens a second over the whole round."""
        return sum(self.tokens) / sum(self.seconds)


def ours(kind: str, steps: int, folder: Path, threads: int, packing: bool) -> Speed:
    """Our training, packed or grouped by length."""
    made = tokens(lengths_of(kind, steps))
    clock = Clock()
    site = Site(folder, World(threads=threads), Stage("bench", "train", "pretrain", 0), clock)
    rows = packed(made, CONTEXT, packing)
    told = loop(min(steps, len(rows) // BATCH))
    training = Training(network, causal, made, told, site, CONTEXT, packing)
    plan = training.rows(made, told)
    spent = [0.0]
    with timed(spent):
        began = time.perf_counter()
        trained(training, network())
        whole = time.perf_counter() - began
    fed = [plan.fed(step, step) for step in range(1, plan.steps + 1)]
    return Speed(np.diff(clock.ends)[WARM:].tolist(), fed[WARM + 1 :], spent[0] / whole)


class timed:
    """Counts the seconds spent in the account's methods."""

    def __init__(self, spent: list[float]) -> None:
        self.spent = spent
        self.depth = 0
        self.own = {name: getattr(account.Account, name) for name in ACCOUNT}

    def __enter__(self) -> None:
        for name, method in self.own.items():
            setattr(account.Account, name, self.counted(method))

    def counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method that adds what it took, once where one calls another."""

        def call(*given: Any, **named: Any) -> Any:
            self.depth += 1
            began = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self.depth -= 1
                self.spent[0] += 0 if self.depth else time.perf_counter() - began

        return call

    def __exit__(self, *_: object) -> None:
        for name, method in self.own.items():
            setattr(account.Account, name, method)


def sequences(kind: str, steps: int) -> list[list[int]]:
    """The same sequences as lists, without the token that is only predicted."""
    made = tokens(lengths_of(kind, steps))
    return [made.flat[s : s + n].tolist() for s, n in zip(made.starts.tolist(), made.lengths.tolist(), strict=True)]


def bare(kind: str, steps: int, *_: Any) -> Speed:
    """A loop that anyone would write: pad, forward, loss, backward, clip, step."""
    import torch

    model, rows = network().train(), sequences(kind, steps)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, betas=(0.9, BETA2), weight_decay=0.0)
    ends, fed = [], []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        width = max(map(len, part))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in part])
        real = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in part])
        labels = ids.masked_fill(real == 0, -100)
        loss = model(input_ids=ids, attention_mask=real, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        ends.append(time.perf_counter())
        fed.append(sum(len(row) - 1 for row in part))
    return Speed(np.diff(ends)[WARM:].tolist(), fed[WARM + 1 :])


def trl(kind: str, steps: int, folder: Path, *_: Any) -> Speed:
    """TRL's SFTTrainer on the same token ids, as its documentation has it."""
    from datasets import Dataset, disable_progress_bars
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    rows, ends = sequences(kind, steps), list[float]()
    clock = type("Clock", (TrainerCallback,), {"on_step_end": lambda *_, **__: ends.append(time.perf_counter())})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = SFTConfig(
            output_dir=str(folder), max_steps=steps, per_device_train_batch_size=BATCH, learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant", adam_beta2=BETA2, max_grad_norm=CLIP, bf16=False,
            gradient_checkpointing=False, use_cpu=True,
            report_to="none", save_strategy="no", logging_steps=10, disable_tqdm=True, max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True}, train_sampling_strategy="sequential",
        )  # fmt: skip
        trainer = SFTTrainer(
            model=network(),
            args=said,
            train_dataset=Dataset.from_dict({"input_ids": rows}),
            processing_class=tokenizer(folder),
            callbacks=[clock()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    fed = [sum(len(row) - 1 for row in rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    return Speed(np.diff(ends)[WARM:].tolist(), fed[WARM + 1 :])


def tokenizer(folder: Path) -> Any:
    """A tokenizer that SFTTrainer asks for its padding token alone."""
    from finery_plugins.train.tokenizer import trained_tokenizer

    return trained_tokenizer(["a made-up text"], 300, CONTEXT, "byte")


SIDES: dict[str, Callable[..., Speed]] = {"bare loop": bare, "TRL SFTTrainer": trl}


def sides(kind: str) -> dict[str, Callable[..., Speed]]:
    """Who is measured: with ragged lengths, ours packs as it does by itself, and also groups by length."""
    if kind == "even":
        return SIDES | {"finery": lambda *given: ours(*given, packing=False)}
    grouped = {"finery, grouped": lambda *given: ours(*given, packing=False)}
    return SIDES | {"finery": lambda *given: ours(*given, packing=True)} | grouped


def compared(kind: str, steps: int, rounds: int, threads: int) -> None:
    """A table of one kind of lengths."""
    found: dict[str, list[Speed]] = {name: [] for name in sides(kind)}
    for number in range(rounds):
        order = list(sides(kind).items())
        for name, side in order[number % len(order) :] + order[: number % len(order)]:
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(side(kind, steps, Path(folder), threads))
    median = {name: statistics.median(speed.rate for speed in speeds) for name, speeds in found.items()}
    print(f"\n{kind} lengths, {steps} steps of {BATCH} rows, {rounds} rounds, {threads} thread(s)\n")
    print("| side | tokens/s | of the bare loop | of TRL | lineage |\n| --- | ---: | ---: | ---: | ---: |")
    for name, speeds in found.items():
        ratios = [median[name] / median[other] for other in SIDES]
        share = statistics.median(speed.account for speed in speeds)
        told = f"{share:.2%}" if share else "-"
        print(f"| {name} | {median[name]:,.0f} | {ratios[0]:.3f} | {ratios[1]:.3f} | {told} |", flush=True)


def print_machine() -> None:
    """One line on the processor, one on the versions."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n{versions}")


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("even", "ragged"))
    told = parser.parse_args()
    logging.disable(logging.WARNING)
    quieten(told.threads)
    print_machine()
    for kind in ("even", "ragged"):
        if told.only in (None, kind):
            compared(kind, told.steps, told.rounds, told.threads)


if __name__ == "__main__":
    main()
