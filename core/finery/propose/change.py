"""What an evaluation would change in the data, and why: the contract of evaluations with `finery propose`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Change:
    """One thing to do to the training data before the next run."""

    do: Literal["drop", "repeat", "vary", "add"]
    """Leave records out, read them more often, add copies that say the same otherwise, or add new `examples`."""
    cause: str
    """A short kebab-case word, such as `taught-wrong`: the reason that dropped records are given."""
    why: str
    """The evidence, in a sentence."""
    records: Sequence[str] = ()
    """Ids of the records to drop, repeat or vary."""
    times: int = 3
    """How often to read each, where they are repeated."""
    examples: Sequence[Mapping[str, Any]] = ()
    """New records, such as `{"messages": [...]}`, where some are added."""
