"""What all tests share: generated examples are not timed, because a kernel compiles at its first call; Ctrl-C is heard
though whoever started the tests in the background let it be ignored; who waits for other processes has a second try."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
WAITING = (
    "e2e", "unit/watch", "unit/cli/test_chat.py", "unit/report/test_browser.py", "unit/train/test_workers.py",
    "unit/kernel/test_executor.py", "unit/kernel/test_group.py", "unit/kernel/test_ray_executor.py",
)  # fmt: skip

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for other processes on a busy machine has a second try, which pytest's last lines tell of."""
    places = [HERE / place for place in WAITING]
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.flaky(reruns=1))
