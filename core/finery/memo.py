"""What the plugins of a pass worked out of one batch, kept so that the next one need not work it out again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa

from finery.errors import PluginError


class Memo:
    """Values of a batch, one a record, by the column they were worked out from and by name.

    Rows that a stage takes out are taken out of a value when somebody asks for it again, and not before.
    """

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.masks: list[pa.Array] = []
        self.kept: dict[tuple[str, str], tuple[int, pa.Array]] = {}

    def __call__(self, column: str, name: str, make: Callable[[], pa.Array]) -> pa.Array:
        """`make()`, or what it answered for this batch before.

        Raises PluginError for an answer without one value a record.
        """
        age, value = self.kept.get((column, name)) or (len(self.masks), self.made(name, make))
        for mask in self.masks[age:]:
            value = value.filter(mask)
        self.kept[column, name] = (len(self.masks), value)
        return value

    def made(self, name: str, make: Callable[[], pa.Array]) -> pa.Array:
        """A value worked out now."""
        value = make()
        if self.length is not None and len(value) != self.length:
            fault = f"memo '{name}' has {len(value)} values for {self.length} records"
            raise PluginError.at("", fault, "keep one value a record, a list where there are several")
        return value

    def keep(self, mask: Any) -> None:
        """Let only the records stay where `mask` (booleans, one a record) is true."""
        mask = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
        self.masks.append(mask)
        self.length = mask.true_count

    def forget(self, columns: Collection[str]) -> None:
        """Forget what was worked out from columns that have changed."""
        self.kept = {place: value for place, value in self.kept.items() if place[0] not in columns}

    def clear(self, length: int) -> None:
        """Begin anew with other records."""
        self.length, self.masks, self.kept = length, [], {}
