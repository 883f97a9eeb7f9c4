"""A cluster's job server: reached by Ray's own client, with its faults told in a line each."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from finery.errors import ClusterError, FineryError, UsageError, missing_extra, said_by

VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Names the job server where no `--address` is given; Ray's own tools read it too, and it would win over ours."""

PORT = 8265
"""Where a job server listens unless told otherwise."""

REACH_SECONDS = 10.0
"""How long an address may take to answer."""


def job_server(address: str | None) -> tuple[Any, str]:
    """Ray's client of the job server at `http://host:8265`, or where the environment says, and that address in full.

    Raises UsageError for an address that cannot be one, ClusterError where no job server answers there or the token
    is not its, and MissingExtra where Ray is not installed.
    """
    place = checked(address or os.environ.get(VARIABLE))
    reach(place)
    try:
        from ray.job_submission import JobSubmissionClient
    except ModuleNotFoundError:
        raise missing_extra("finery submit", "ray", "ray") from None
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with told(place), unnamed():
        return JobSubmissionClient(place), place


def checked(address: str | None) -> str:
    """An address as `http://host:port`. Raises UsageError for none, and for one of another kind."""
    if not address:
        remedy = f"--address http://HEAD:{PORT}, or export {VARIABLE}=http://HEAD:{PORT}"
        raise UsageError.at("address", "which cluster is not said", remedy)
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        remedy = f"jobs go to the head's job server: http://{parts.hostname or 'HEAD'}:{PORT}"
        raise UsageError.at(f"address '{address}'", "is not that of a job server", remedy)
    return parts.geturl().rstrip("/") if port_of(address, parts) else f"{parts.geturl().rstrip('/')}:{PORT}"


def port_of(address: str, parts: Any) -> int | None:
    """The port in an address; https has its own. Raises UsageError for one that is no number."""
    try:
        return parts.port or (443 if parts.scheme == "https" else None)
    except ValueError:
        raise UsageError.at(f"address '{address}'", "its port is no port", f"http://{parts.hostname}:{PORT}") from None


def reach(address: str) -> None:
    """Raise ClusterError where nothing answers: Ray's client would wait for a host that is not there."""
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), REACH_SECONDS).close()
    except OSError as error:
        fault = f"nothing answers there ({error.strerror or error})"
        remedy = "is the cluster up, and is this its head, or a port forwarded to it?"
        raise ClusterError.at(f"address '{address}'", fault, remedy) from None


@contextmanager
def unnamed() -> Iterator[None]:
    """Hide the addresses in the environment, which Ray's client takes instead of the one that it is given."""
    held = {name: os.environ.pop(name) for name in (VARIABLE, "RAY_ADDRESS") if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)


@contextmanager
def told(address: str) -> Iterator[None]:
    """Turn what Ray's client raises into one line."""
    try:
        yield
    except (FineryError, KeyboardInterrupt):
        raise
    except Exception as error:  # requests, aiohttp, ray and JSON raise whatever they have
        raise spoken(address, error) from error


def spoken(address: str, error: Exception) -> FineryError:
    """What to say of an error: a token that is not right, a server of another kind, a cluster that went."""
    # The whole text is looked at: what tells errors apart may stand far behind what a line has room for.
    place, said = f"address '{address}'", " ".join(str(error).split())
    if type(error).__name__ == "AuthenticationError":
        wrong = "is another cluster's" if "invalid" in said.lower() or "forbidden" in said.lower() else "is missing"
        remedy = "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=FILE, with the file that the cluster was given"
        return ClusterError.at(place, f"the cluster asks for a token, and yours {wrong}", remedy)
    if "does not exist" in said:
        return UsageError.at(place, "has no such job", f"finery jobs list --address {address}")
    remedy = f"is it the head's job server? It listens on port {PORT} unless told otherwise"
    return ClusterError.at(place, f"does not answer as a job server ({said_by(error)})", remedy)


@contextmanager
def quiet_loop() -> Iterator[Any]:
    """An event loop for one stream, closed at the end whatever happened in it."""
    import asyncio

    with contextlib.closing(asyncio.new_event_loop()) as loop:
        yield loop
