"""Progress for verbs that take a while: a line on the terminal after two seconds, nothing where nobody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

PATIENCE_SECONDS = 2.0
"""Below that, a line would only flicker."""

Tell: TypeAlias = Callable[[float, float, str], None]
"""Called with what is done, the total and the unit."""


def unheard(done: float, total: float, unit: str) -> None:
    """Tell nobody."""


@contextmanager
def waiting(label: str) -> Iterator[Tell]:
    """Show on standard error how far something is, while the context lasts; yields what it is told by."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield unheard
        return
    shown = Shown(label, console)
    timer = threading.Timer(PATIENCE_SECONDS, shown.begin)
    timer.daemon = True
    timer.start()
    try:
        yield shown.tell
    finally:
        timer.cancel()
        shown.end()


class Shown:
    """One line, which is there from its beginning to its end."""

    def __init__(self, label: str, console: Any) -> None:
        from rich.progress import Progress

        from finery.cli.progress import columns

        self.bars = Progress(*columns(console.width), console=console, transient=True, expand=True)
        self.task = self.bars.add_task(label, total=None, told="")
        self.started = time.monotonic()
        self.lock = threading.Lock()
        self.state = "waits"
        """Then `shown`, and in the end `gone`."""

    def begin(self) -> None:
        """Draw it from now on, unless it is over."""
        with self.lock:
            if self.state == "waits":
                self.state = "shown"
                self.bars.start()

    def tell(self, done: float, total: float, unit: str) -> None:
        """How far it is."""
        from finery.cli.progress import rate

        said = f"{rate(done, time.monotonic() - self.started)} {unit}/s"
        self.bars.update(self.task, completed=done, total=total, told=said)

    def end(self) -> None:
        """Take the line away."""
        with self.lock:
            if self.state == "shown":
                self.bars.stop()
            self.state = "gone"
