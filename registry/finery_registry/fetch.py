"""Files from the network: https, one host, a size that is bounded while it is read."""

from __future__ import annotations

import http.client
import ipaddress
import urllib.error
import urllib.parse
import urllib.request
from typing import IO

from finery import FineryError, UsageError
from finery_registry.installed import finery_version

SECONDS = 30
"""How long a server may stay silent."""
LARGEST_INDEX = 16 * 2**20
"""Bytes of an index: 8,000 entries of 2 kB."""


class SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to the host that was asked, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to follow with. Raises UsageError for one to somewhere else."""
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (new.scheme, new.netloc) != (old.scheme, old.netloc):
            fp.close()
            fault = f"redirects to {new.scheme}://{new.hostname}"
            raise UsageError.at(shown(req.full_url), fault, "name that address itself if you trust it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, largest: int, allow_http: bool = False) -> bytes:
    """What is at a URL.

    Raises UsageError for plain http to another machine unless `allow_http`, for a redirect to another host and for
    more than `largest` bytes, FineryError where the server does not answer.
    """
    refuse_plain(url, allow_http)
    asked = urllib.request.Request(url, headers={"User-Agent": f"finery/{finery_version()}"})  # noqa: S310 - refused above
    try:
        with urllib.request.build_opener(SameHost).open(asked, timeout=SECONDS) as answer:
            body: bytes = answer.read(largest + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise FineryError.at(
            shown(url), f"the server says {error.code} {error.reason}", "is the address right?"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FineryError.at(shown(url), f"cannot be reached: {reason}", "is the address right?") from None
    if len(body) > largest:
        raise UsageError.at(shown(url), f"is larger than {largest:,} bytes", "is it what you meant?")
    return body


def refuse_plain(url: str, allow_http: bool) -> None:
    """Raise UsageError for an address that anybody on the way can answer for."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and (allow_http or is_loopback(parts.hostname or ""))):
        return
    raise UsageError.at(shown(url), "is not https", "use https, or say --allow-http where you trust the way there")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """A URL without the password that it may hold."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
