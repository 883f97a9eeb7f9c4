"""A mix that takes at most so many records of each source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from finery import Draw, Source, hookimpl, plugin


@plugin
class Starter:
    """Take at most so many records of each source, so that none drowns the others.

    ```toml
    [[stage]]
    mix = "starter"
    most = 10_000
    ```
    """

    most: Annotated[int, Field(ge=1)] = 100_000
    """Records of a source at most."""

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """The share of each source that is taken; all of a small one."""
        return Draw({source.name: min(1.0, self.most / max(source.records, 1)) for source in sources})
