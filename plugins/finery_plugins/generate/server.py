"""A server that completes chats: requests sent, sent again where it helps, read, counted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import xxhash

from finery import UsageError
from finery_plugins.generate.budget import Caps, Ledger, Pace
from finery_plugins.generate.errors import Again, Unanswered, stopped
from finery_plugins.generate.options import Sampling, Server
from finery_plugins.generate.transport import Response, post

LONGEST_BACKOFF_SECONDS = 60.0
PASSING = (408, 409, 425, 429)
"""Refusals that may pass, beside all of 5xx."""
OURS = (401, 402, 403, 404, 405)
"""Refusals that would meet every record."""


@dataclass
class ServerWriter:
    """Completes chats on a server."""

    server: Server
    sampling: Sampling
    ledger: Ledger
    pace: Pace
    stopping: Event = field(default_factory=Event)
    """Set when the run is to stop: whoever waits, waits no longer."""
    faults: list[str] = field(default_factory=list)
    """Why a request was sent again, each time."""

    @classmethod
    def of(cls, server: Server, sampling: Sampling, out: Path) -> ServerWriter:
        """A writer whose accounts are kept in a folder. Raises UsageError where the key is not set."""
        if server.key and not os.environ.get(server.key):
            fault = f"the environment variable {server.key} is not set"
            raise UsageError.at("server", fault, "set it to the API key")
        ledger = Ledger(out / "spent", Caps.of(server))
        return cls(server, sampling, ledger, Pace(out / "turns", server.requests_per_minute))

    @property
    def name(self) -> str:
        """What records say that generated them."""
        return self.server.model

    @property
    def threads(self) -> int:
        """Requests under way at once."""
        return self.server.concurrency

    @property
    def url(self) -> str:
        """Where chats are completed."""
        base = self.server.url.rstrip("/")
        return f"{base if urlsplit(base).path else base + '/v1'}/chat/completions"

    def request(self, messages: Sequence[Mapping[str, str]], seed: int) -> dict[str, Any]:
        """What is asked; the seed stands beside it where the server does not take one."""
        body: dict[str, Any] = {"model": self.server.model, "messages": list(messages)}
        body[self.server.limit_field] = self.sampling.max_tokens
        body |= {"temperature": self.sampling.temperature or 0.0} | self.server.extra
        if self.sampling.top_p is not None:
            body["top_p"] = self.sampling.top_p
        if self.server.send_seed:
            body["seed"] = seed
        return {"url": self.url, "seed": seed, "body": body}

    def answer(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The answer to a request, asked until there is one. Raises Unanswered, or FineryError for the run's end."""
        content = json.dumps(request["body"], ensure_ascii=False).encode("utf-8", "surrogatepass")
        for tried in range(self.server.retries + 1):
            self.ledger.check()
            try:
                return self.once(content)
            except Again as fault:
                last = fault
            if tried < self.server.retries:
                self.faults.append(str(last))
                self.pause(last, name, tried)
        if last.shared:
            remedy = "answers so far are kept: run again when the server can be used"
            raise stopped(f"{last}, {self.server.retries + 1} times", remedy) from last
        raise Unanswered(f"{last} ({self.server.retries + 1} attempts)") from last

    def once(self, content: bytes) -> dict[str, Any]:
        """One request, at its turn."""
        key = os.environ.get(self.server.key or "")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        limits = self.server.timeout_seconds, self.server.max_response_bytes
        turn = self.pace.wait(self.stopping)
        try:
            if self.stopping.is_set():
                raise Unanswered("the run stopped before it was asked")
            response = post(self.url, content, headers, *limits)
        finally:
            if turn is not None:
                turn.unlink(missing_ok=True)
        return self.read(checked(response, key))

    def pause(self, fault: Again, name: str, tried: int) -> None:
        """Wait before the next attempt. Raises FineryError for a longer pause than the options allow."""
        if fault.wait is not None:
            if fault.wait > self.server.longest_wait_seconds:
                said = f"{fault}; it asks to wait {fault.wait:.0f} seconds"
                raise stopped(said, "answers so far are kept: run again later, or raise longest_wait_seconds")
            self.stopping.wait(fault.wait)
            return
        self.stopping.wait(backoff(self.server.backoff_seconds, tried, name))

    def read(self, response: Response) -> dict[str, Any]:
        """Text, usage and cost of a response. Raises Again for one that is no completion."""
        try:
            found = json.loads(response.body)
            choice = found["choices"][0]
            text = choice["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Again(f"the response is no chat completion: {shown(response.body)}") from error
        usage = found.get("usage") if isinstance(found.get("usage"), dict) else {}
        tokens = [number(usage.get(field)) for field in ("prompt_tokens", "completion_tokens")]
        cost = self.spent(tokens)
        if not isinstance(text, str) or not text.strip():
            raise Again("the answer is empty")
        finish = str(choice.get("finish_reason") or "stop")
        usage = dict(zip(("prompt_tokens", "completion_tokens"), tokens, strict=True))
        said = str(found.get("model") or self.server.model)
        return {"text": sound(text), "finish": finish, "usage": usage, "cost": cost, "answered_by": sound(said)}

    def spent(self, tokens: Sequence[int | None]) -> float:
        """The cost of some tokens, in the books. Raises FineryError where a cap cannot be kept without usage."""
        if None in tokens and (self.ledger.caps.cost is not None or self.ledger.caps.tokens is not None):
            raise stopped("the server does not say how many tokens it used", "take out max_cost and max_tokens_total")
        asked, told = (count or 0 for count in tokens)
        cost = (asked * self.server.price_in + told * self.server.price_out) / 1e6
        self.ledger.spend(cost, asked + told)
        return cost


def checked(response: Response, key: str | None) -> Response:
    """The response, if it is one of success. Raises Again, Unanswered or FineryError by its status."""
    status = response.status
    if 200 <= status < 300:
        return response
    why = f"status {status}: {shown(response.body)}"
    why = why.replace(key, "***") if key else why
    if status in OURS or (status == 429 and "insufficient_quota" in why):
        raise stopped(f"refuses: {why}", "see url, model and key; answers so far are kept")
    if status in PASSING or status >= 500:
        raise Again(why, retry_after(response.headers.get("retry-after")), shared=status == 429)
    raise Unanswered(why)


def backoff(seconds: float, tried: int, name: str) -> float:
    """Seconds to wait after so many retries: doubled each time, between half and half as much again by a hash."""
    jitter = xxhash.xxh3_64_intdigest(f"{name}:{tried}".encode()) / 2**64
    return float(min(seconds * 2**tried, LONGEST_BACKOFF_SECONDS) * (0.5 + jitter))


def retry_after(said: str | None) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date (RFC 9110); None for neither."""
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def shown(body: bytes) -> str:
    """The beginning of a body, on one line."""
    return " ".join(body[:1000].decode("utf-8", "replace").split())[:300]


def sound(text: str) -> str:
    """A text that UTF-8 can hold: lone surrogates, which JSON may spell, become question marks."""
    return text.encode("utf-8", "replace").decode()


def number(value: Any) -> int | None:
    """A count of tokens, None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
