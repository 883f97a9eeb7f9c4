"""The options that training plugins share: each a type with its bounds and its documentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from finery_plugins.train.early import EarlyStopping

Split = Annotated[
    str,
    Field(description="Train on the rows whose `split` column has this value; sources without one are used whole."),
]
Steps = Annotated[
    int | None,
    Field(
        ge=1,
        description="How many optimizer steps to take. Give one of `steps`, `epochs`, `tokens`.",
    ),
]
Epochs = Annotated[
    float | None,
    Field(gt=0, description="How many times to go over the rows; 1 where no budget is given."),
]
Tokens = Annotated[
    int | None,
    Field(
        ge=1,
        description="How many tokens to train on, padding included. "
        "Fewer than there are take a part of the records, drawn by chance.",
    ),
]
Rows = Annotated[int, Field(ge=1, description="Rows of `context` tokens in one forward pass.")]
Accumulate = Annotated[int, Field(ge=1, description="Forward passes summed into one optimizer step.")]
Length = Annotated[
    int | None,
    Field(ge=8, le=1_048_576, description="Tokens in a row; where not given, the model's own, 2,048 at most."),
]
Packing = Annotated[
    bool,
    Field(description="Put several documents into one row, kept apart by restarting positions. Off gives each a row."),
]
LearningRate = Annotated[
    float | None,
    Field(gt=0, le=1, description="The highest learning rate; a sensible one for the method where not given."),
]
Schedule = Annotated[
    Literal["cosine", "linear", "constant"],
    Field(description="How the learning rate falls from its highest value to `floor` after the warm-up."),
]
Warmup = Annotated[
    float,
    Field(ge=0, le=1, description="Share of the steps over which the learning rate rises from nothing."),
]
Floor = Annotated[float, Field(ge=0, le=1, description="The last learning rate, as a share of the highest one.")]
WeightDecay = Annotated[
    float, Field(ge=0, le=1, description="AdamW's weight decay; biases and norms are left out of it.")
]
Beta2 = Annotated[
    float, Field(gt=0, lt=1, description="AdamW's second decay rate: how long it remembers the size of gradients.")
]
Clip = Annotated[float, Field(gt=0, description="The largest norm of the gradient; a longer one is scaled down.")]
MaxSeconds = Annotated[
    float | None,
    Field(
        gt=0,
        description="Stop cleanly after so many seconds, the schedule unfinished. "
        "The result then depends on the speed of the machine: prefer `tokens`.",
    ),
]
Seed = Annotated[
    int | None,
    Field(
        ge=0,
        description="Fixes first weights and dropout; where not given, pipeline seed and stage id do.",
    ),
]
BFloat16 = Annotated[bool, Field(description="Compute in bfloat16; weights and their update stay in 32 bits.")]
GradientCheckpointing = Annotated[
    bool,
    Field(description="Recompute activations in the backward pass: less memory, about a third more time."),
]
CheckpointSteps = Annotated[
    int, Field(ge=1, description="Optimizer steps between two checkpoints, of which the newest two are kept.")
]
LogSteps = Annotated[int, Field(ge=1, description="Optimizer steps between two lines of metrics.")]


Dropout = Annotated[
    float | None,
    Field(
        ge=0,
        lt=1,
        description="Share of activations left out at random, wherever the architecture leaves out any, for this "
        "training alone; as the model's configuration has it where not given.",
    ),
]
Compile = Annotated[
    bool,
    Field(description="Compile the model with torch.compile: faster steps after a slow first one."),
]
GroupByLength = Annotated[
    bool,
    Field(description="Without packing, put rows of like length into one step, so that little of it is padding."),
]
Early = Annotated[
    EarlyStopping | None,
    Field(
        description="Stop when the loss of held-out rows no longer falls and keep the best weights, such as "
        '`{ split = "validation", every = 50, patience = 3 }`.'
    ),
]
Folds = Annotated[
    int | None,
    Field(
        ge=2,
        le=20,
        description="Cross-validate first: train so many models, each on all records but one part of them drawn by a "
        "hash of their ids, and measure that part. The losses go to the lineage as epoch 0; the model that is left is "
        "trained on all records.",
    ),
]

Zero = Annotated[
    Literal[0, 1, 2, 3] | None,
    Field(
        description="Let DeepSpeed divide a training among its workers (ZeRO): 1 the optimizer's state, 2 gradients "
        "too, 3 weights too; 0 nothing. Without it, every worker holds all. Needs the extra `deepspeed`."
    ),
]
Offload = Annotated[
    Literal["optimizer", "parameters"] | None,
    Field(
        description="With `zero`, keep in the memory of the machine rather than of its GPU: the optimizer's state, or "
        "with `zero = 3` the parameters too.",
    ),
]


def consistent(plugin: Any) -> Any:
    """`plugin`, if its options go together. Raises ValueError otherwise."""
    one_budget(plugin)
    if plugin.offload and not plugin.zero:
        raise ValueError(f"`offload` moves what `zero` divides, which is {plugin.zero}: set `zero` to 1, 2 or 3")
    if plugin.offload == "parameters" and plugin.zero != 3:
        raise ValueError('`offload = "parameters"` moves what `zero = 3` divides: set that, or offload `optimizer`')
    if plugin.zero == 3 and plugin.early_stopping:
        raise ValueError("`early_stopping` keeps whole weights, which no worker has with `zero = 3`: set `zero` to 2")
    if plugin.zero is not None and plugin.folds:
        raise ValueError("`folds` trains several models in one process, which DeepSpeed does not: leave `zero` out")
    return plugin


def one_budget(plugin: Any) -> Any:
    """`plugin`, if at most one of its `steps`, `epochs` and `tokens` is set. Raises ValueError otherwise."""
    given = [name for name in ("steps", "epochs", "tokens") if getattr(plugin, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other: give one of them")
    return plugin
