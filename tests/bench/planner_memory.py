"""Peak memory of real trainings on CPU against what `finery plan` says of them before, and what other tools say.

    python tests/bench/planner_memory.py

Measured is the peak of torch's own allocator over two optimizer steps of the real training, from torch.profiler's
memory events, and the weights that were there before. Beside it: the closed form; `--trace`, the real network on
tensors without content; DeepSpeed's and accelerate's estimators; 20 bytes a parameter.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finery import Amount, Model, Stage, World
from finery.data.identity import record_ids
from finery.forecast.memory import memory

MIB = 2**20
STAGE = Stage("bench", "train", "pretrain", 17)
LLAMA = {"width": 256, "layers": 4, "heads": 4, "keys": 4, "vocabulary": 4096}


@dataclass(frozen=True)
class Case:
    """One training."""

    name: str
    sizes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


LORA = {"lora": {"rank": 16}}
CASES = (
    Case("4 x 256"),
    Case("8 x 384", {"layers": 8, "width": 384, "heads": 6, "keys": 6}),
    Case("16 x 128", {"layers": 16, "width": 128}),
    Case("batch 2", options={"batch": 2}),
    Case("batch 24, 128 tokens", options={"batch": 24, "context": 128}),
    Case("1,024 tokens", options={"context": 1024, "batch": 2}),
    Case("vocabulary 32,000", {"vocabulary": 32_000}),
    Case("vocabulary 32,000, own head", {"vocabulary": 32_000, "tied": False}),
    Case("4 accumulated", options={"accumulate": 4}),
    Case("checkpointing", {"layers": 8}, {"gradient_checkpointing": True}),
    Case("LoRA", options={"method": LORA}),
    Case("LoRA, checkpointing", {"layers": 8, "width": 384}, {"method": LORA, "gradient_checkpointing": True}),
    Case("bfloat16", options={"bf16": True}),
    Case("Qwen 3, shared heads", {"kind": "qwen3", "keys": 2}),
    Case("not packed", options={"packing": False}),
)


class Texts:
    """Synthetic records, as plugins see a data set."""

    fingerprint, sources, records = "bench", ("texts",), 240

    def __init__(self) -> None:
        drawn = np.random.default_rng(17)
        words = ["".join(map(chr, drawn.integers(97, 122, n))) for n in drawn.integers(2, 9, 400)]
        self.texts = [" ".join(drawn.choice(words, n)) for n in drawn.integers(40, 500, self.records)]

    def columns(self, source: str) -> tuple[str, ...]:
        """Those of one source."""
        return ("id", "source", "text")

    def batches(self, columns: Any = None, only: Any = None) -> Iterator[pa.Table]:
        """All records."""
        table = pa.table({"text": pa.array(self.texts, pa.large_string())})
        source = pa.array(["texts"] * len(table)).dictionary_encode()
        yield pa.table({"id": record_ids(table, "texts"), "source": source, "text": table["text"]})

    def amount(self) -> Amount:
        """What a plan knows of them."""
        lengths = [float(len(text)) for text in self.texts]
        return Amount("texts", len(lengths), sum(lengths), lengths, self.texts[:64])


def main() -> None:
    """The table."""
    warnings.simplefilter("ignore")
    names = sys.argv[1:]
    print("| training | measured MiB | closed form | trace | DeepSpeed | accelerate | 20 bytes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    errors: list[list[float]] = []
    for case in CASES:
        if not names or case.name in names:
            with tempfile.TemporaryDirectory() as folder:
                errors.append(compared(case, Path(folder)))
    worst = [max(abs(row[at]) for row in errors) for at in range(5)]
    middle = [float(np.median([abs(row[at]) for row in errors])) for at in range(5)]
    print(f"| median error of {len(errors)} | | " + " | ".join(f"{value:.1%}" for value in middle) + " |")
    print("| largest error | | " + " | ".join(f"{value:.1%}" for value in worst) + " |", flush=True)


def compared(case: Case, folder: Path) -> list[float]:
    """Print one row; the errors of all forecasts."""
    from finery_plugins.train.pretrain import Pretrain

    texts = Texts()
    model = made_model(case, texts, folder / "model")
    plugin = Pretrain(**{"context": 256, "batch": 8, "steps": 2, "checkpoint_steps": 1000, **case.options})
    asked = plugin.demand([texts.amount()], model, None, World(), STAGE)
    held = memory(asked)
    traced = plugin.trial(None, asked, model, folder, World(), STAGE, False)
    real = measured(lambda: plugin.train(texts, model, folder / "out", World(), STAGE, Quiet()))
    guesses = [held.peak, traced.peak_bytes, *others(asked.network.parameters, asked.learning)]
    errors = [guess / real - 1 for guess in guesses]
    shown = " | ".join(f"{guess / MIB:,.1f} ({error:+.1%})" for guess, error in zip(guesses, errors, strict=True))
    print(f"| {case.name} | {real / MIB:,.1f} | {shown} |", flush=True)
    return errors


def others(parameters: int, learning: int) -> tuple[float, float, float]:
    """Bytes by DeepSpeed's estimator, accelerate's, and the formula."""
    from accelerate.commands.estimate import estimate_training_usage
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs

    _, card = estimate_zero2_model_states_mem_needs(parameters, 1, 1, cpu_offload=False)
    usage = estimate_training_usage(parameters * 4, "float32")
    return float(card), float(max(usage.values())), 20.0 * learning


def measured(work: Callable[[], Any]) -> float:
    """The peak of the allocator while the training itself goes on, and the weights before."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from finery_plugins.train import training

    peaks: list[float] = []
    plain = training.fit

    def watched(model: Any, *arguments: Any) -> None:
        storages = [weight.untyped_storage() for weight in model.parameters()]
        before = sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            plain(model, *arguments)
        events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
        sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
        peaks.append(before + float(np.cumsum(sizes).max()))

    training.fit = watched
    torch.set_num_threads(1)
    try:
        work()
    finally:
        training.fit = plain
    return peaks[-1]


def made_model(case: Case, texts: Texts, folder: Path) -> Model:
    """A folder with random weights of the case's sizes."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from finery_plugins.train.tokenizer import trained_tokenizer

    sizes = {"kind": "llama", "tied": True, **LLAMA, **case.sizes}
    config = AutoConfig.for_model(
        sizes["kind"],
        vocab_size=sizes["vocabulary"],
        hidden_size=sizes["width"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["keys"],
        head_dim=sizes["width"] // sizes["heads"],
        intermediate_size=-(-sizes["width"] * 8 // 3 // 32) * 32,
        max_position_embeddings=2048,
        tie_word_embeddings=sizes["tied"],
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(17)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    trained_tokenizer(texts.texts, 600, 2048).save_pretrained(folder)
    return Model(folder, "random", "random")


class Quiet:
    """A journal that keeps nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


if __name__ == "__main__":
    main()
