"""A filter that drops documents in which too few of the characters are letters."""

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Reasons, hookimpl, plugin


@plugin
class Letters:
    """Drop documents in which too few of the characters are letters."""

    minimum: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Smallest share of letters."""

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """`few-letters` for each text under the minimum, with its share; an empty text has none."""
        texts = [text or "" for text in batch["text"].to_pylist()]
        shares = pa.array([sum(map(str.isalpha, text)) / max(len(text), 1) for text in texts], pa.float64())
        few = pc.less(shares, self.minimum)
        return Reasons(pc.if_else(few, "few-letters", None), value=shares, bound=self.minimum)
