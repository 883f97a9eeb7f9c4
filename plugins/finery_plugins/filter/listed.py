"""The filter `listed`: records that a file names, each with the reason that it gives."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from finery import Batch, File, Reasons, hookimpl, plugin
from finery_plugins.text.listed import listed, matched


@plugin
class Listed:
    """Drop the records that a file names, each with the reason that it gives.

    The file has a JSON object a line: `{"record": "<id>", "drop": "taught-wrong", "why": "..."}`, as `finery propose`
    writes it; `drop` is the reason and `why` the detail. Lines without `drop` are for others. Ids are those that the
    records have where the stage stands, as `finery search` and the lineage name them.

    ```toml
    [[stage]]
    filter = "listed"
    file = "changes.jsonl"
    ```
    """

    file: File
    """The file."""

    @hookimpl
    def prepare(self) -> pa.Table:
        """What the file says. Raises UsageError for a line that nobody understands."""
        return listed(Path(self.file))

    @hookimpl
    def filter(self, batch: Batch, state: pa.Table) -> Reasons:
        """The file's reason."""
        found = matched(batch, state)
        return Reasons(found["drop"].combine_chunks(), detail=found["why"].combine_chunks())
