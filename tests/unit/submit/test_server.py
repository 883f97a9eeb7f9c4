"""Addresses of job servers: what is taken, and what is told of one that cannot be used."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from finery.errors import ClusterError, UsageError
from finery.submit.server import checked, job_server


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://head:8265", "http://head:8265"),
        ("http://head:8265/", "http://head:8265"),
        ("head:9000", "http://head:9000"),
        ("head", "http://head:8265"),
        ("http://head", "http://head:8265"),
        ("https://ray.example.org", "https://ray.example.org"),
    ],
)
def test_an_address_is_completed(given: str, meant: str) -> None:
    assert checked(given) == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "address: which cluster is not said: --address http://HEAD:8265"),
        ("ray://head:10001", "jobs go to the head's job server: http://head:8265"),
        ("http://head:port", "its port is no port"),
        ("http://", "is not that of a job server"),
    ],
)
def test_one_that_cannot_be_a_job_server_is_told(given: str | None, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(given)
    assert told in str(caught.value)


def test_one_where_nothing_answers_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ClusterError, match=r"nothing answers there .*refused.*is the cluster up"):
        job_server(f"127.0.0.1:{port}")


@pytest.fixture
def other() -> Iterator[str]:
    """A web server that is no job server."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_server_of_another_kind_is_told(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What stands in the environment does not win over what was asked for.
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"does not answer as a job server .*404"):
        job_server(other)
