"""Batches and stages for the tests of the built-in plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from finery import Stage


def made_batch(source: str = "general", **columns: Any) -> pa.Table:
    """A batch of one source: a list of strings becomes `large_string`, an Arrow array stays."""
    arrays = {name: values if hasattr(values, "type") else as_column(values) for name, values in columns.items()}
    rows = len(next(iter(arrays.values())))
    numbers = np.arange(rows, dtype=np.uint64).view(np.uint8).reshape(rows, 8)
    ids = pa.array([bytes(8) + number.tobytes() for number in numbers], pa.uuid())
    names = pa.array([source] * rows, pa.string()).dictionary_encode()
    return pa.table({"id": ids, "source": names, **arrays})


def as_column(values: list[Any]) -> pa.Array:
    """A column of Python values."""
    texts = all(value is None or isinstance(value, str) for value in values)
    return pa.array(values, pa.large_string() if texts else None)


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., pa.Table]:
    return made_batch


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage("stage", "filter", "plugin", seed=17)
