"""Signals while a library has its own idea of them: Ctrl-C during a query, and an end that was asked for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """Make Ctrl-C during a query what it is elsewhere: DuckDB turns it into a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


@contextmanager
def own_end() -> Iterator[None]:
    """Keep what this process does at SIGTERM through a call that would change it, as Ray's start does."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
