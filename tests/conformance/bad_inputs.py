"""Plugins that some input brings down, that change what they are given, or that speak out of turn."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from bad_case import Case, dropped, none_dropped, texts

from finery import Batch, hookimpl, plugin

BREAKS: Mapping[str, Callable[[str | None], Any]] = {
    "null-text": lambda text: text is None,
    "empty-text": lambda text: text == "",
    "whitespace": lambda text: text and not text.strip(),
    "emoji": lambda text: text and max(text) > "\uffff",
    "combining-marks": lambda text: re.search("[\u0300-\u036f]", text or ""),
    "right-to-left": lambda text: any(unicodedata.bidirectional(one) in ("R", "AL") for one in text or ""),
    "long-line": lambda text: len(text or "") > 50_000,
    "nul-character": lambda text: "\0" in (text or ""),
    "lone-carriage-return": lambda text: re.search(r"\r(?!\n)", text or ""),
    "unspaced-scripts": lambda text: re.search("[\u4e00-\u9fff]", text or ""),
}


@plugin
class Fragile:
    """Break on a kind of text."""

    kind: str
    """The kind."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        if any(BREAKS[self.kind](text) for text in batch["text"].to_pylist()):
            raise ValueError(f"cannot read {self.kind}")
        return none_dropped(batch)


@plugin
class NeverEmpty:
    """Look at the first record, of which there must be one."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        first = batch["id"][0]
        return dropped(one is first for one in batch["id"])


@plugin
class Meddling:
    """Lower the case of the text where it lies."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        for chunk in batch["text"].chunks:
            lower(chunk.buffers()[2])
        return none_dropped(batch)


def lower(buffer: pa.Buffer | None) -> None:
    if buffer is not None and buffer.is_mutable:
        letters = np.frombuffer(buffer, np.uint8)
        letters |= np.uint8(32) * ((letters >= 65) & (letters <= 90)).astype(np.uint8)


@plugin
class Greedy:
    """Read every column as text."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        names = [name for name in batch.column_names if name not in ("id", "source")]
        joined = zip(*(batch[name].to_pylist() for name in names), strict=True)
        return dropped(len("".join(value or "" for value in values)) < 3 for values in joined)


@plugin
class Influenced:
    """Drop by the number of columns."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(len(text) < batch.num_columns * 10 for text in texts(batch))


@plugin
class Losing:
    """Keep the columns it knows, and no others."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        return batch.select(["id", "source", "text"])


@plugin
class Talkative:
    """Print what it does."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        print(f"{len(batch)} records")
        return none_dropped(batch)


CASES = (
    *(Case(kind, Fragile(kind=kind)) for kind in BREAKS),
    Case("empty-batch", NeverEmpty()),
    Case("input-unchanged", Meddling()),
    Case("extra-columns", Greedy()),
    Case("extra-columns", Influenced()),
    Case("extra-columns", Losing()),
    Case("quiet", Talkative()),
)
