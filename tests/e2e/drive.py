"""The command with small units and shards, so that little input makes many; workers import this file too."""

from __future__ import annotations

import functools
import os

from finery.cli.main import main
from finery.stages import read, reading

UNIT_BYTES = int(os.environ.get("TEST_UNIT_BYTES", "20000"))

read.SHARD_BYTES = UNIT_BYTES
reading.units = functools.partial(reading.units, size=UNIT_BYTES)

if __name__ == "__main__":
    main()
