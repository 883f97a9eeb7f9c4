"""Where the work of a pipeline lies, and its plugins beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def work_folder(near: Path | None = None) -> Path:
    """`FINERY_HOME`, else `.finery` beside the pipeline file `near`, or in the current folder or one above it."""
    if home := os.environ.get("FINERY_HOME"):
        return Path(home).expanduser().resolve()
    if near is not None:
        return near.resolve().parent / ".finery"
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".finery").is_dir():
            return folder / ".finery"
    return here / ".finery"


def plugins_beside(file: Path) -> None:
    """Let `module:Class` name a Python file beside the pipeline."""
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
