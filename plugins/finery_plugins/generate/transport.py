"""One HTTP request and its response, bounded in time and size; redirects go nowhere but to the same server."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from finery_plugins.generate.errors import Again, Unanswered, stopped

CHUNK = 1 << 16
HOPS = 3
"""Redirects within a server that are followed."""
HERE = ("localhost", "127.0.0.1", "::1")
"""Hosts that no proxy stands before."""


@dataclass(frozen=True)
class Response:
    """A response as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unmoved(urllib.request.HTTPRedirectHandler):
    """Hands redirects back: a key must not follow one to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Nothing, so that the redirect is the response."""


def opener(url: str) -> urllib.request.OpenerDirector:
    """What opens a URL: through the environment's proxies, but for this machine."""
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in HERE else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies), Unmoved())


def post(url: str, content: bytes, headers: Mapping[str, str], seconds: float, most: int) -> Response:
    """The response to a POST. Raises Again for a connection that fails, FineryError for a foreign redirect."""
    target = url
    for _ in range(HOPS):
        response = attempt(target, content, headers, seconds, most)
        if not 300 <= response.status < 400:
            return response
        location = response.headers.get("location", "")
        target = urljoin(target, location)
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            raise stopped(f"{url} redirects to {target}", "name that server as url, if it may have the key")
    raise stopped(f"{url} redirects in a circle", "see that url is right")


def attempt(url: str, content: bytes, headers: Mapping[str, str], seconds: float, most: int) -> Response:
    """One request. Raises Again where no whole response comes in time."""
    end = time.monotonic() + seconds
    request = urllib.request.Request(url, content, dict(headers), method="POST")  # noqa: S310 - options admit http only
    try:
        with opener(url).open(request, timeout=seconds) as answer:
            return taken(answer.status, answer.headers, answer, end, most)
    except urllib.error.HTTPError as error:
        with error:
            return refusal(error, end)
    except TimeoutError as error:
        raise Again(f"no answer within {seconds:g} seconds") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise Again(f"no answer within {seconds:g} seconds") from error
        raise Again(f"no connection to {urlsplit(url).netloc}: {error.reason}", shared=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise Again(f"the connection broke: {type(error).__name__} {error}") from error


def refusal(error: urllib.error.HTTPError, end: float) -> Response:
    """A response with an error's status; its body says why, as far as it came."""
    headers = {name.lower(): value for name, value in error.headers.items()}
    try:
        return Response(error.code, headers, read(error, end, CHUNK)[:CHUNK])
    except (OSError, http.client.HTTPException, Unanswered):
        return Response(error.code, headers, b"")


def taken(status: int, headers: Any, answer: Any, end: float, most: int) -> Response:
    """A response read to its end. Raises Unanswered for one that is too long."""
    return Response(status, {name.lower(): value for name, value in headers.items()}, read(answer, end, most))


def read(answer: Any, end: float, most: int) -> bytes:
    """The bytes of a body. Raises TimeoutError at `end`, however slowly they drip, Unanswered past `most`."""
    parts, size = list[bytes](), 0
    while part := answer.read1(CHUNK):
        parts.append(part)
        size += len(part)
        if size > most:
            raise Unanswered(f"the response is longer than max_response_bytes = {most}")
        if time.monotonic() > end:
            raise TimeoutError
    whole = b"".join(parts)
    missing = getattr(answer, "length", None)
    if missing:
        raise http.client.IncompleteRead(whole, missing)
    return whole
