"""A filter that drops documents that are mostly addresses of other pages."""

from __future__ import annotations

import re
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Reasons, hookimpl, plugin

ADDRESS = re.compile(r"https?://\S+|www\.\S+")


@plugin
class Starter:
    """Drop documents in which too many of the characters are addresses.

    ```toml
    [[stage]]
    filter = "starter"
    maximum = 0.2
    ```
    """

    maximum: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Largest share of characters in addresses."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`mostly-addresses` for each text over the maximum, with its share; an empty text has none."""
        shares = pa.array([share(text or "") for text in batch["text"].to_pylist()], pa.float64())
        over = pc.greater(shares, self.maximum)
        return Reasons(pc.if_else(over, "mostly-addresses", None), value=shares, bound=self.maximum)


def share(text: str) -> float:
    """The share of a text's characters that stand in addresses."""
    return sum(map(len, ADDRESS.findall(text))) / max(len(text), 1)
