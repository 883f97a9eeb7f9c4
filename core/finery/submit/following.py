"""A job followed from afar: its log as it grows, again after a lost connection, and how it ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from finery.errors import FineryError
from finery.submit.server import quiet_loop, told

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")

CODES = {"SUCCEEDED": 0, "STOPPED": 130}
"""Exit codes of jobs whose driver did not leave one."""

PAUSE_SECONDS = 1.0
"""Between looks at a job that says nothing."""

PATIENCE = 10
"""How often in a row a cluster may not answer before it counts as gone."""


def follow(client: Any, address: str, job: str) -> Iterator[str]:
    """A job's log from its beginning to its end, as it grows.

    Raises ClusterError where the cluster is gone for good.
    """
    seen, tries = 0, 0
    while True:
        try:
            for text in tail(client, address, job, seen):
                seen, tries = seen + len(text), 0
                yield text
            if status(client, address, job) in ENDED:
                yield from rest(client, address, job, seen)
                return
        except FineryError:
            tries += 1
            if tries > PATIENCE:
                raise
        time.sleep(PAUSE_SECONDS)


def tail(client: Any, address: str, job: str, seen: int) -> Iterator[str]:
    """What a job says, without the first `seen` characters, until it ends or the connection does."""
    chunks: AsyncIterator[str] = client.tail_job_logs(job)
    with quiet_loop() as loop:
        while True:
            with told(address):
                text = loop.run_until_complete(following(chunks))
            if text is None:
                return
            skipped = min(seen, len(text))
            seen -= skipped
            if text[skipped:]:
                yield text[skipped:]


async def following(chunks: AsyncIterator[str]) -> str | None:
    """The next of them; None behind the last."""
    return await anext(chunks, None)


def rest(client: Any, address: str, job: str, seen: int) -> Iterator[str]:
    """What stood in the log after the stream had ended."""
    with told(address):
        text = client.get_job_logs(job)
    if text[seen:]:
        yield text[seen:]


def status(client: Any, address: str, job: str) -> str:
    """`PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED` or `STOPPED`."""
    with told(address):
        return str(client.get_job_info(job).status.value)


def exit_code(client: Any, address: str, job: str) -> tuple[int, str]:
    """The exit code of a job that has ended, and what Ray says where its driver left none."""
    with told(address):
        info = client.get_job_info(job)
    code = info.driver_exit_code
    if info.status.value in CODES or (code is not None and code > 0):
        return CODES.get(info.status.value, code), ""
    return 1, info.message or "it ended without a word"
