"""A format that cuts what stands under a signature line."""

from __future__ import annotations

import re
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from finery import Batch, Tally, hookimpl, plugin


@plugin
class Starter:
    """Cut the signature off mails and posts: everything from a line that holds nothing but the marker.

    ```toml
    [[stage]]
    format = "starter"
    marker = "--"
    ```
    """

    marker: Annotated[str, Field(min_length=1, max_length=20)] = "--"
    """What stands alone on the line above a signature."""

    @hookimpl
    def format(self, batch: Batch, tally: Tally) -> Batch:
        """The records, their texts without signatures; how many had one is counted as `signatures`."""
        line = re.compile(rf"^[ \t]*{re.escape(self.marker)}[ \t]*$", re.MULTILINE)
        texts = batch["text"].to_pylist()
        cut = [None if text is None else line.split(text, maxsplit=1)[0] for text in texts]
        tally["signatures"] += sum(text != whole for text, whole in zip(cut, texts, strict=True))
        place = batch.schema.get_field_index("text")
        return batch.set_column(place, batch.schema.field(place), pa.array(cut, batch.schema.field(place).type))
