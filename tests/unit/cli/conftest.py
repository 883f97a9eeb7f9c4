"""What the command-line tests share: a work folder in which a small pipeline ran twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from workshop import Workshop, new_workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two runs of one pipeline, the second with a stricter filter. Nobody writes into it."""
    return new_workshop(tmp_path_factory.mktemp("workshop"))
