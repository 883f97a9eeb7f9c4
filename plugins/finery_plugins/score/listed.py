"""The score `listed`: what a file says of records, as columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from finery import Batch, File, hookimpl, plugin
from finery_plugins.text.listed import listed, matched


@plugin
class ListedScore:
    """Give records that a file names the columns `times` and `vary` that it says, for `mix = "times"` and `augment`.

    The file has a JSON object a line: `{"record": "<id>", "times": 3}` or `{"record": "<id>", "vary": true}`, as
    `finery propose` writes it. Records that it does not name have null in both.

    ```toml
    [[stage]]
    score = "listed"
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
    def score(self, batch: Batch, state: pa.Table) -> dict[str, pa.Array]:
        """`times` and `vary`."""
        found = matched(batch, state)
        return {name: found[name].combine_chunks() for name in ("times", "vary")}
