"""Finery turns text into a trained, evaluated model and keeps every record's fate: the public names."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finery.data.identity import chance, record_ids
    from finery.demand import Amount, Companion, Demand, Network, Trial
    from finery.errors import (
        DataError,
        Fault,
        FineryError,
        MissingExtra,
        PipelineError,
        PluginError,
        UsageError,
        WorkError,
        did_you_mean,
        missing_extra,
        said_by,
    )
    from finery.lock.document import Lock, read_lock
    from finery.plugins import API, Manifest, plugin
    from finery.propose.change import Change
    from finery.search.found import Found, Hit, Search
    from finery.specs import hookimpl
    from finery.types import (
        Batch,
        Born,
        Dataset,
        Draw,
        Evaluation,
        EvaluationName,
        File,
        HubFile,
        Journal,
        Memo,
        Model,
        ModelName,
        Needs,
        Piece,
        Preview,
        Reasons,
        Running,
        Shown,
        Source,
        Stage,
        State,
        Tally,
        World,
    )

__version__ = "0.1.0"

# Where each public name lives: it is imported when first asked for, so that `finery --help` stays quick.
HOMES = {
    "finery.data.identity": ("chance", "record_ids"),
    "finery.demand": ("Amount", "Companion", "Demand", "Network", "Trial"),
    "finery.errors": (
        "DataError", "Fault", "FineryError", "MissingExtra", "PipelineError", "PluginError", "UsageError",
        "WorkError", "did_you_mean", "missing_extra", "said_by",
    ),
    "finery.lock.document": ("Lock", "read_lock"),
    "finery.plugins": ("API", "Manifest", "plugin"),
    "finery.propose.change": ("Change",),
    "finery.search.found": ("Found", "Hit", "Search"),
    "finery.specs": ("hookimpl",),
    "finery.types": (
        "Born", "Dataset", "Draw", "Evaluation", "EvaluationName", "File", "HubFile", "Journal", "Memo", "Model",
        "ModelName", "Needs", "Piece", "Preview", "Reasons", "Running", "Shown", "Source", "Stage", "State", "Tally",
        "World",
    ),
}  # fmt: skip

__all__ = [
    "API",
    "Amount",
    "Batch",
    "Born",
    "Change",
    "Companion",
    "DataError",
    "Dataset",
    "Demand",
    "Draw",
    "Evaluation",
    "EvaluationName",
    "Fault",
    "File",
    "FineryError",
    "Found",
    "Hit",
    "HubFile",
    "Journal",
    "Lock",
    "Manifest",
    "Memo",
    "MissingExtra",
    "Model",
    "ModelName",
    "Needs",
    "Network",
    "Piece",
    "PipelineError",
    "PluginError",
    "Preview",
    "Reasons",
    "Running",
    "Search",
    "Shown",
    "Source",
    "Stage",
    "State",
    "Tally",
    "Trial",
    "UsageError",
    "WorkError",
    "World",
    "chance",
    "did_you_mean",
    "hookimpl",
    "missing_extra",
    "plugin",
    "read_lock",
    "record_ids",
    "said_by",
]


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name == "Batch":
        return importlib.import_module("pyarrow").Table
    for module, names in HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'finery' has no attribute '{name}'")
