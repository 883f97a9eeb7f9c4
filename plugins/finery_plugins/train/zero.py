"""DeepSpeed: its settings for a loop, what it needs to run on CPU, and whole weights again when it is done."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from finery import UsageError, WorkError, missing_extra
from finery_plugins.train.loop import Loop
from finery_plugins.train.site import Site
from finery_plugins.train.workers import Share


@contextmanager
def prepared(loop: Loop, site: Site) -> Iterator[None]:
    """Make this process one that DeepSpeed can train in, and afterwards one that loads whole models again.

    Raises MissingExtra, and UsageError where there is one worker alone.
    """
    if loop.zero is None:
        yield
        return
    if importlib.util.find_spec("deepspeed") is None:
        raise missing_extra(site.place, "deepspeed", "deepspeed")
    if site.world.size == 1:
        fault = "`zero` divides a training among workers, and there is one"
        raise UsageError.at(site.place, fault, "set `needs = { workers = 2 }` or more, or leave `zero` out")
    begin()
    try:
        with warnings.catch_warnings():
            # DeepSpeed 0.19 calls collectives by names that torch 2.13 is about to drop.
            warnings.filterwarnings("ignore", ".*is deprecated. Please use", FutureWarning)
            yield
    finally:
        end()


def end() -> None:
    """Let models be loaded whole again, and accelerate forget who carried the training."""
    from accelerate.state import AcceleratorState
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()
    os.environ.pop("ACCELERATE_USE_DEEPSPEED", None)
    AcceleratorState._reset_state(reset_partial_state=True)


def engaged(model: Any, loop: Loop, site: Site) -> None:
    """Raise WorkError where DeepSpeed was asked for and something else carries a model: Trainer says nothing then."""
    if loop.zero is not None and type(model).__name__ != "DeepSpeedEngine":
        raise WorkError.at(site.place, "`zero` was asked for, and DeepSpeed does not carry the model", "leave it out")


def begin() -> None:
    """Tell accelerate that DeepSpeed carries the training; on CPU, keep DeepSpeed from compiling."""
    import torch

    backend = "nccl"
    if not torch.cuda.is_available():
        backend = "gloo"
        os.environ["DS_ACCELERATOR"] = "cpu"
        import deepspeed.ops

        # Otherwise it is compiled at the start: half a minute, or an error where there is no compiler.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    PartialState(backend=backend)


def arguments(loop: Loop, shared: Share) -> dict[str, Any]:
    """What Trainer is told of DeepSpeed; nothing where it is not asked for."""
    if loop.zero is None:
        return {}
    return {"accelerator_config": {"use_configured_state": True}, "deepspeed": settings(loop, shared)}


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


def check(loop: Loop, workers: int, site: Site) -> None:
    """Raise UsageError where a checkpoint of other workers would have to be divided anew."""
    if loop.zero is None or workers == site.world.size:
        return
    fault = f"was interrupted with {workers} workers: no other number reads a checkpoint of `zero = {loop.zero}`"
    remedy = f"set `needs = {{ workers = {workers} }}` again, or remove {site.out / 'checkpoints'} to start over"
    raise UsageError.at(site.place, fault, remedy)


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
