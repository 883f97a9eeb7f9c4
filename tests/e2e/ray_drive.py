"""The command with small units, so that little input makes many shards; their size does not follow from the workers."""

from __future__ import annotations

import functools

from finery.cli.main import main
from finery.stages import reading

reading.units = functools.partial(reading.units, size=20_000)

if __name__ == "__main__":
    main()
