"""DeepSpeed: its settings for a loop, what it needs to run on CPU, and whole weights again when it is done."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finery import UsageError, WorkError, missing_extra
from finery_plugins.train import checkpoints
from finery_plugins.train.loop import Loop
from finery_plugins.train.site import Site
from finery_plugins.train.workers import Share, in_turn

ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
"""What accelerate reads where one worker trains as a group of one."""
UNIVERSAL = "latest_universal"
"""DeepSpeed's name for the file that names a checkpoint which any number of workers reads."""


@contextmanager
def prepared(loop: Loop, site: Site) -> Iterator[None]:
    """Make this process one that DeepSpeed can train in, and afterwards one that loads whole models again.

    One worker may be what is left of several: it then divides with nobody. Raises MissingExtra.
    """
    if loop.zero is None:
        yield
        return
    if importlib.util.find_spec("deepspeed") is None:
        raise missing_extra(site.place, "deepspeed", "deepspeed")
    begin(alone=site.world.size == 1)
    try:
        with warnings.catch_warnings():
            # DeepSpeed 0.19 calls collectives by names that torch 2.13 is about to drop.
            warnings.filterwarnings("ignore", ".*is deprecated. Please use", FutureWarning)
            yield
    finally:
        end(alone=site.world.size == 1)


def end(alone: bool) -> None:
    """Let models be loaded whole again, and accelerate forget who carried the training."""
    from accelerate.state import AcceleratorState
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
    os.environ.pop("ACCELERATE_USE_DEEPSPEED", None)
    AcceleratorState._reset_state(reset_partial_state=True)
    for name in ALONE if alone else ():
        os.environ.pop(name, None)


def engaged(model: Any, loop: Loop, site: Site) -> None:
    """Raise WorkError where DeepSpeed was asked for and something else carries a model: Trainer says nothing then."""
    if loop.zero is not None and type(model).__name__ != "DeepSpeedEngine":
        raise WorkError.at(site.place, "`zero` was asked for, and DeepSpeed does not carry the model", "leave it out")


def begin(alone: bool) -> None:
    """Tell accelerate that DeepSpeed carries the training; on CPU, keep DeepSpeed from compiling.

    It wants a group of workers even of one.
    """
    import torch

    backend = "nccl"
    if not torch.cuda.is_available():
        backend = "gloo"
        os.environ["DS_ACCELERATOR"] = "cpu"
        import deepspeed.ops

        # Otherwise it is compiled at the start: half a minute, or an error where there is no compiler.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if alone:
        os.environ |= ALONE
        # It stays for what this process trains next: DeepSpeed keeps groups that it made of it.
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    PartialState(backend=backend)


def arguments(loop: Loop, shared: Share, universal: bool = False) -> dict[str, Any]:
    """What Trainer is told of DeepSpeed; nothing where it is not asked for. `universal` says how it reads a checkpoint:
    as `divided_anew` left it."""
    if loop.zero is None:
        return {}
    said = settings(loop, shared) | ({"checkpoint": {"load_universal": True}} if universal else {})
    return {"accelerator_config": {"use_configured_state": True}, "deepspeed": said}


def settings(loop: Loop, shared: Share) -> dict[str, Any]:
    """DeepSpeed's settings: sums in 32 bits, Trainer's own AdamW, and whole weights in what is saved."""
    stage: dict[str, Any] = {"stage": loop.zero, "stage3_gather_16bit_weights_on_model_save": True}
    for name, asked in (("offload_optimizer", loop.offload), ("offload_param", loop.offload == "parameters")):
        if asked:
            stage[name] = {"device": "cpu", "pin_memory": False}
    return {
        "train_micro_batch_size_per_gpu": shared.batch,
        "gradient_accumulation_steps": shared.accumulate,
        "gradient_clipping": loop.clip,
        "bf16": {"enabled": False},
        "fp16": {"enabled": False},
        "zero_optimization": stage,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1 << 60,
    }


def divided_anew(checkpoint: Path | None, loop: Loop, site: Site) -> bool:
    """Whether a checkpoint is read as DeepSpeed's universal one, made here: other workers than these wrote it.

    Without division (`zero = 0`) all workers have the same, and as many as like may read it. Raises UsageError for
    `zero = 3`: from a universal checkpoint, DeepSpeed 0.19 goes on otherwise than it would have (by 0.015 nats within
    three steps of a tiny model).
    """
    if checkpoint is None or not loop.zero or (workers := checkpoints.workers_of(checkpoint)) == site.world.size:
        return False
    if loop.zero == 3:
        fault = f"was interrupted with {workers} workers: no other number reads a checkpoint of `zero = 3`"
        remedy = f"set `needs = {{ workers = {workers} }}` again, or remove {checkpoint.parent} to start over"
        raise UsageError.at(site.place, fault, remedy)
    with in_turn():
        if not (checkpoint / UNIVERSAL).exists():
            convert(checkpoint)
    return True


def convert(checkpoint: Path) -> None:
    """Put DeepSpeed's universal checkpoint beside its own, and the name of it last of all."""
    from deepspeed.checkpoint import ds_to_universal

    own = (checkpoint / "latest").read_text().strip()
    asked: dict[str, Any] = {
        "input_folder": str(checkpoint / own),
        "output_folder": str(checkpoint / f"{own}_universal"),
    }
    asked |= {"num_extract_workers": 1, "num_merge_workers": 1, "keep_temp_folder": False}
    with contextlib.redirect_stdout(io.StringIO()):
        ds_to_universal.main(argparse.Namespace(**asked, strict=True, inject_missing_state=True))
    beside = checkpoint / f"{UNIVERSAL}.unfinished"
    beside.write_text(f"{own}_universal")
    beside.replace(checkpoint / UNIVERSAL)


def gather(model: Any, loop: Loop) -> None:
    """Give a model that was divided its whole weights back, each in memory of its own: the machine's where no GPU holds
    them all."""
    if loop.zero is None:
        return
    import deepspeed

    whole: dict[Any, Any] = {}
    for weight in model.parameters():
        with deepspeed.zero.GatheredParameters([weight], enabled=loop.zero == 3):
            held = weight.detach()
            whole[weight] = (held.cpu() if loop.zero == 3 else held).clone()
    undivided(model)
    for weight, values in whole.items():
        weight.data = values


def undivided(model: Any) -> None:
    """Take back what DeepSpeed hangs on a model to bring its weights together as they are needed."""
    for module in model.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
            for key in [key for key, hook in hooks.items() if "deepspeed" in getattr(hook, "__module__", "")]:
                del hooks[key]
