"""What the tests of reports share: two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from told import Told, new_told


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Two runs. Nobody writes into them."""
    return new_told(tmp_path_factory.mktemp("told"))
