"""What a plugin's `prepare` found out, kept with its stage: JSON, or a Parquet table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finery.data.artifacts import write_json
from finery.errors import PluginError


def save_state(folder: Path, state: Any) -> None:
    """Keep a state. Raises PluginError for one that JSON cannot carry and that is no table."""
    if isinstance(state, pa.Table):
        pq.write_table(state, folder / "state.tmp")
        (folder / "state.tmp").replace(folder / "state.parquet")
        return
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise PluginError.at(
            "prepare", f"its state is not JSON: {error}", "return plain values or a pyarrow.Table"
        ) from None
    write_json(folder / "state.json", {"state": state})


def load_state(folder: Path) -> Any:
    """The state that was kept; None where there is none."""
    if (folder / "state.parquet").exists():
        return pq.read_table(folder / "state.parquet")
    path = folder / "state.json"
    return json.loads(path.read_bytes())["state"] if path.exists() else None


def has_state(folder: Path) -> bool:
    """Whether `prepare` has run."""
    return (folder / "state.json").exists() or (folder / "state.parquet").exists()
