"""As an author: begin a plugin, edit, check and build it, have its entry written and verified, install from it, run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from authors import STEPS, Walk


def test_a_plugin_goes_from_nothing_to_a_run_that_installed_it_from_an_index(tmp_path: Path) -> None:
    walk = Walk("mix", tmp_path)  # every hook walks in tests/bench/authors.py, at 15 to 30 CPU-seconds each
    for step in STEPS:
        getattr(walk, step)()
    assert (tmp_path / "index" / f"{walk.name}.toml").read_text(encoding="utf-8").count("[release.checked]") == 1
