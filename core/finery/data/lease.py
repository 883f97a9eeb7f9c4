"""One run at a time in a store: whoever holds it says so, again and again, so that a dead one's word grows old.

No store that fsspec knows has locks. A run that finds another's word waits for a beat; where none comes, it was killed.
Two that begin in the same instant see each other's word before either works; and were both to go on, they would put the
same bytes under the same names.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from finery.data.store import Store
from finery.errors import FineryError, WorkError

NAME = "lock.json"

BEAT_SECONDS = 5.0

DEAD_SECONDS = 3 * BEAT_SECONDS
"""How long a word may stay as it is before nobody stands behind it."""

SETTLE_SECONDS = 0.5
"""How long a run that found nobody waits before it looks whether another did at the same time."""


@contextmanager
def leased(store: Store | None) -> Iterator[None]:
    """Hold a store for one run. Raises WorkError where another run holds it, or where it cannot be written."""
    if store is None:
        yield
        return
    own = {"token": uuid.uuid4().hex, "host": socket.gethostname(), "process": os.getpid()}
    if found := said(store):
        wait_for_beat(store, found)
    beat(store, own, 0)
    time.sleep(SETTLE_SECONDS)
    if (now := said(store)) and now["token"] != own["token"]:
        raise held(store, now)
    ended = threading.Event()
    thread = threading.Thread(target=keep_beating, args=(store, own, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # A store that went away must not hide what else went wrong.
        with suppress(FineryError):
            store.remove([NAME])


def keep_beating(store: Store, own: dict[str, Any], ended: threading.Event) -> None:
    """Say that the run lives, until it ends; a store that is out of reach for a while is the work's to complain of."""
    number = 0
    while not ended.wait(BEAT_SECONDS):
        number += 1
        with suppress(FineryError):
            beat(store, own, number)


def beat(store: Store, own: dict[str, Any], number: int) -> None:
    """Say so once."""
    store.write(NAME, json.dumps({**own, "beat": number}).encode())


def said(store: Store) -> dict[str, Any] | None:
    """The word of whoever holds the store; None for nobody."""
    try:
        found = json.loads(store.read(NAME) or b"null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def wait_for_beat(store: Store, found: dict[str, Any]) -> None:
    """Raise WorkError if whoever holds the store lives."""
    if found.get("host") == socket.gethostname() and not alive(int(found.get("process", 0))):
        return
    until = time.monotonic() + DEAD_SECONDS
    while time.monotonic() < until:
        now = said(store)
        if now is None:
            return
        if now != found:
            raise held(store, now)
        time.sleep(BEAT_SECONDS / 5)


def alive(process: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def held(store: Store, found: dict[str, Any]) -> FineryError:
    """The error of a store that another run works in."""
    fault = f"another run (process {found.get('process')} on {found.get('host')}) works with this store"
    return WorkError.at(f"[run] store '{store.url}'", fault, "wait for it, or name another store")
