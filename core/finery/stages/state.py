"""What a plugin's `prepare` found out, kept with its stage: JSON, or a Parquet table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finery.data.artifacts import Artifacts, write_json
from finery.errors import PluginError


def save_state(artifacts: Artifacts, fingerprint: str, state: Any) -> None:
    """Keep a state. Raises PluginError for one that JSON cannot carry and that is no table."""
    folder = artifacts.partial(fingerprint)
    if isinstance(state, pa.Table):
        pq.write_table(state, folder / "state.tmp")
        (folder / "state.tmp").replace(folder / "state.parquet")
        artifacts.keep(fingerprint, [folder / "state.parquet"])
        return
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise PluginError.at(
            "prepare", f"its state is not JSON: {error}", "return plain values or a pyarrow.Table"
        ) from None
    write_json(folder / "state.json", {"state": state})
    artifacts.keep(fingerprint, [folder / "state.json"])


def load_state(artifacts: Artifacts, fingerprint: str) -> Any:
    """The state that was kept; None where there is none."""
    path = state_file(artifacts, fingerprint)
    if path is None or path.suffix == ".json":
        return path and json.loads(path.read_bytes())["state"]
    return pq.read_table(path)


def state_file(artifacts: Artifacts, fingerprint: str) -> Path | None:
    """Where the state is kept; None where `prepare` has not run."""
    paths = (artifacts.file(f"{fingerprint}/state.{form}") for form in ("parquet", "json"))
    return next((path for path in paths if path.exists()), None)
