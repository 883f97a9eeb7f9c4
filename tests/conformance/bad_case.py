"""What the modules of bad plugins share: a case, and an answer that nothing is wrong with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch


@dataclass(frozen=True)
class Case:
    """A plugin that breaks one claim, and the check that says so."""

    check: str
    plugin: object
    samples: Any = None

    def __str__(self) -> str:
        given = self.plugin if isinstance(self.plugin, type) else type(self.plugin)
        return f"{self.check}-{given.__name__}"


def texts(batch: Batch) -> list[str]:
    """The texts of a batch, empty where there is none."""
    return [text or "" for text in batch["text"].to_pylist()]


def dropped(flags: Iterable[bool]) -> pa.Array:
    """The reason `bad` where a flag is up."""
    return pc.if_else(pa.array(flags, pa.bool_()), "bad", None)


def none_dropped(batch: Batch) -> pa.Array:
    """No reason for any record."""
    return pa.nulls(len(batch), pa.string())
