"""Checkpoints of a training: only a finished one of the same plan counts, and none outlives the training."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

MARK = "finery.json"
"""Written last: a checkpoint without it was interrupted."""


def mark(folder: Path, plan: str, workers: int = 1) -> None:
    """Say that a checkpoint is finished, which plan it belongs to, and how many workers wrote it."""
    beside = folder / (MARK + ".unfinished")
    with beside.open("w") as file:
        json.dump({"plan": plan, "workers": workers}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / MARK)


def newest(folder: Path, plan: str) -> Path | None:
    """The newest finished checkpoint of a plan; all others are removed."""
    usable = []
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=step_of):
        if belongs(checkpoint, plan):
            usable.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return usable[-1] if usable else None


def belongs(checkpoint: Path, plan: str) -> bool:
    """Whether a checkpoint is finished and of this plan."""
    return marked(checkpoint).get("plan") == plan


def workers_of(checkpoint: Path) -> int:
    """How many workers wrote a finished checkpoint."""
    return int(marked(checkpoint).get("workers", 1))


def marked(checkpoint: Path) -> dict[str, Any]:
    """What is said of a checkpoint; nothing of one that is not finished."""
    try:
        said = json.loads((checkpoint / MARK).read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was written after."""
    return int(checkpoint.name.rpartition("-")[2])


def remove(*folders: Path) -> None:
    """Remove what only an unfinished training needs."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
