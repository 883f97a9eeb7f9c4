"""The driver of a submitted run, on the cluster: `python -m finery.submit.drive run pipeline.toml ...`."""

from __future__ import annotations

import signal
from types import FrameType

from finery.cli.main import main


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let a job that is stopped end as a run that is interrupted does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    main()
