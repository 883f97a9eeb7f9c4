"""An observer that keeps a diary of runs in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finery import Stage, hookimpl, plugin


@plugin
class Starter:
    """Keep a diary of runs: a heading a run, a line a stage with what came in and what was kept.

    ```toml
    [[observer]]
    use = "starter"
    options = { path = "runs.md" }
    ```
    """

    path: str = "runs.md"
    """The file to append to."""

    @hookimpl
    def run_started(self, run: str, pipeline: Mapping[str, Any]) -> None:
        """The heading."""
        self.write(f"\n## {pipeline.get('name', 'pipeline')}, run {run}\n")

    @hookimpl
    def stage_finished(self, stage: Stage, summary: Mapping[str, Any]) -> None:
        """One line: records in and kept over all sources, or the metrics of a model's stage."""
        counts = list(summary.get("sources", {}).values())
        told = f"{sum(c['in'] for c in counts):,} records in, {sum(c['kept'] for c in counts):,} kept"
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in summary.get("metrics", {}).items())
        reused = " (reused)" if summary.get("reused") else ""
        self.write(f"- {stage.id}: {metrics or told}{reused}")

    @hookimpl
    def stage_failed(self, stage: Stage, error: BaseException) -> None:
        """The error."""
        self.write(f"- {stage.id}: failed with {type(error).__name__}: {error}")

    @hookimpl
    def run_finished(self, run: str, status: str, seconds: float) -> None:
        """How it ended."""
        self.write(f"\n{status} after {seconds:.1f} s")

    def write(self, line: str) -> None:
        """Append a line."""
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
