"""Our tuning against TRL's SFTTrainer, given the same model, the same conversations and the same order of rows."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from training_samples import MemoryJournal, chats, dataset

from finery import Model, Stage, World
from finery_plugins.train.conversations import Conversations
from finery_plugins.train.packing import packed, schedule
from finery_plugins.train.records import Records
from finery_plugins.train.sft import Sft
from finery_plugins.train.site import Site
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import parted, tokenised

STEPS, BATCH, RATE = 12, 4, 3e-3
TALKS = dataset({"talks": {"messages": chats(30)}})


def rows(base: Model, folder: Path, stage: Stage) -> list[dict[str, list[int]]]:
    """The conversations as SFTTrainer takes them tokenised, in the order that ours are trained on."""
    site = Site(folder, World(), stage, MemoryJournal())
    conversations = Conversations(loaded_tokenizer(base, "test"), 64, site)
    tokens = tokenised(Records(TALKS, stage, "train"), ["messages"], conversations.encode, 1.0, site)
    order = schedule(packed(tokens, 64, False), STEPS * BATCH, stage)
    found = []
    for number in order.tolist():
        ids, labels = parted(tokens.flat[tokens.starts[number] :][: tokens.lengths[number]])
        found.append({"input_ids": ids.tolist(), "labels": labels.tolist()})
    return found


def their_curve(base: Model, found: list[dict[str, list[int]]], folder: Path) -> list[float]:
    """The loss of each step by SFTTrainer."""
    from datasets import Dataset, disable_progress_bars
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = SFTConfig(
            output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=BATCH, learning_rate=RATE,
            lr_scheduler_type="constant", adam_beta2=0.999, weight_decay=0.0, max_grad_norm=1.0, bf16=False,
            gradient_checkpointing=False, use_cpu=True, report_to="none", save_strategy="no", logging_steps=1,
            disable_tqdm=True, max_length=None, dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="sequential", model_init_kwargs={"dtype": "float32"},
        )  # fmt: skip
        trainer = SFTTrainer(
            model=str(base.path),
            args=said,
            train_dataset=Dataset.from_list(found),
            processing_class=loaded_tokenizer(base, "test"),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def test_the_loss_curve_is_that_of_trl(base: Model, tmp_path: Path, stage: Stage) -> None:
    journal = MemoryJournal()
    plugin = Sft(
        steps=STEPS, batch=BATCH, lr=RATE, schedule="constant", warmup=0.0, context=64, packing=False,
        group_by_length=False, log_steps=1,
    )  # fmt: skip
    plugin.train(TALKS, base, tmp_path / "ours", World(), stage, journal)
    ours = list(journal.values("loss").values())
    theirs = their_curve(base, rows(base, tmp_path / "rows", stage), tmp_path / "theirs")
    assert ours[-1] < ours[0] - 1
    # TRL logs four decimals or more; sums in another order drift apart by 1e-6 a step.
    assert theirs == pytest.approx(ours, abs=1e-4)
