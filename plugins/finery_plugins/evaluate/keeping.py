"""Rows kept a group at a time, so that an interrupted evaluation goes on where it stopped, to the same bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from finery_plugins.evaluate.items import Row
from finery_plugins.generate.kept import Kept, prompt_id

Thing = TypeVar("Thing")

FOLDER = "measured"
"""In a stage's folder: a file a group."""


def groups(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    """Things in stretches of `size`, the last one shorter."""
    each = iter(things)
    while found := list(islice(each, size)):
        yield found


def kept_rows(out: Path, group: Mapping[str, Any], make: Callable[[], Sequence[Row]]) -> list[Row]:
    """The rows of a group: those kept before under what the group is, else made now and kept.

    `group` says all that the rows depend on. A group is kept whole, since the last bits of sums depend on what is
    measured side by side.
    """
    kept, name = Kept(out / FOLDER), prompt_id(group)
    found = kept.find(name)
    if found is None:
        found = kept.keep(name, {"text": json.dumps([asdict(row) for row in make()], ensure_ascii=False)})
    return [Row(**{**row, "tags": tuple(row["tags"])}) for row in json.loads(found["text"])]
