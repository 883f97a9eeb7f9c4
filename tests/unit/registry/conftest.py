"""What the registry's tests share: settings of their own, and one throwaway environment to install into."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from finery_registry.trial import made


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache, config file or index of the reader's is seen or touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FINERY_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("FINERY_INDEX", raising=False)


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment that has nothing of its own; this one's packages can be read from there."""
    return made(tmp_path_factory.mktemp("throwaway") / "env")
