"""The dedupe `url`: records of the same page, whatever its address is decorated with."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import pyarrow as pa
from pydantic import Field

from finery import Batch, PipelineError, did_you_mean, hookimpl, plugin

PORTS = {"http": 80, "https": 443, "ftp": 21}
"""Ports that need not be said (RFC 3986, section 3.2.3)."""

TRACKING = ("utm_", "mc_", "pk_", "mtm_")
"""Beginnings of parameters that say how a reader came: Google, Mailchimp, Piwik, Matomo."""

TRACKERS = frozenset({"fbclid", "gclid", "dclid", "msclkid", "yclid", "igshid", "ref", "ref_src", "spm", "_ga"})
"""Other such parameters, by their names."""

SAFE = "/:@!$&'()*+,;=-._~"
"""What a path may hold as it is (RFC 3986, section 3.3)."""


@plugin
class Url:
    """Find records with the same canonical URL.

    RFC 3986's normal form: scheme and host in lower case, no default port, dot segments resolved, one way to escape.
    Beyond it: `http` and `https` are one, fragments and tracking parameters go, parameters are sorted, a slash at the
    end and a leading `www.` do not count. A record without a URL has no duplicates.

    ```toml
    [[stage]]
    dedupe = "url"
    column = "url"
    ```
    """

    column: Annotated[str, Field(min_length=1)] = "url"
    """The column that holds the URL."""

    query: bool = True
    """Whether pages that differ in parameters other than tracking ones are different."""

    @hookimpl
    def dedupe(self, batch: Batch) -> pa.Array:
        """`large_string`: the canonical URL, null where there is none. Raises PipelineError without the column."""
        if self.column not in batch.column_names:
            fault = f"has no column '{self.column}'{did_you_mean(self.column, batch.column_names)}"
            raise PipelineError.at("dedupe 'url'", fault, f"it has {', '.join(batch.column_names)}")
        urls = batch.column(self.column).to_pylist()
        return pa.array([canonical(url, self.query) for url in urls], pa.large_string())


def canonical(url: str | None, keep_query: bool) -> str | None:
    """A URL's canonical form without its scheme; None for an empty one. What cannot be parsed stands for itself."""
    text = (url or "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        return host(parts) + path(parts.path) + (query(parts.query) if keep_query else "")
    except ValueError:
        return text


def host(parts: SplitResult) -> str:
    """The host in lower case, without `www.` and a default port. Raises ValueError for a port that is none."""
    name = (parts.hostname or "").rstrip(".").removeprefix("www.")
    default = parts.port is None or parts.port == PORTS.get(parts.scheme.lower())
    return name if default else f"{name}:{parts.port}"


def path(text: str) -> str:
    """A path with dot segments resolved (RFC 3986, section 5.2.4), escaped one way, without a slash at its end."""
    kept: list[str] = []
    for segment in text.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in (".", ""):
            kept.append(quote(unquote(segment), safe=SAFE))
    return "".join(f"/{segment}" for segment in kept)


def query(text: str) -> str:
    """Parameters that are not for tracking, sorted."""
    pairs = [(name, value) for name, value in parse_qsl(text, keep_blank_values=True) if not tracks(name.lower())]
    return f"?{urlencode(sorted(pairs))}" if pairs else ""


def tracks(name: str) -> bool:
    """Whether a parameter only says how a reader came."""
    return name in TRACKERS or name.startswith(TRACKING)
