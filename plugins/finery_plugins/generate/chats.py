"""Completes chats, whoever writes: what was asked before is not asked again, and records go side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Protocol, TypeVar

from finery import FineryError
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.kept import Kept, Reply, prompt_id
from finery_plugins.generate.local import LocalWriter
from finery_plugins.generate.options import Sampling, Server
from finery_plugins.generate.server import ServerWriter

Value = TypeVar("Value")
Message = dict[str, str]


class Writer(Protocol):
    """Who completes a chat."""

    @property
    def name(self) -> str:
        """What records say that generated them."""

    @property
    def threads(self) -> int:
        """Requests worth having under way at once."""

    @property
    def stopping(self) -> Event:
        """Set when the run is to stop."""

    def request(self, messages: Sequence[Mapping[str, str]], seed: int) -> dict[str, Any]:
        """All that the answer depends on, without a key."""

    def answer(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        """`text, finish, usage, cost, answered_by`. Raises Unanswered for this record, FineryError for the run."""


@dataclass(frozen=True)
class Failed:
    """What work raised."""

    error: Exception


@dataclass(frozen=True)
class Chats:
    """A writer and the answers it gave."""

    writer: Writer
    kept: Kept

    def ask(self, messages: Sequence[Message], seed: int) -> Reply:
        """The answer to a chat, kept from before or asked now. Raises Unanswered, or FineryError for the run's end."""
        request = self.writer.request(messages, seed)
        name = prompt_id(request)
        found = self.kept.find(name)
        if found is None:
            found = self.kept.keep(name, {"prompt_id": name, **request, **self.writer.answer(request, name)})
        return Reply(found["text"], self.writer.name, name, float(found["cost"]), str(found["finish"]))

    def whole(self, messages: Sequence[Message], seed: int) -> Reply:
        """The same. Raises Unanswered also for an answer that the limit cut off or the server held back."""
        reply = self.ask(messages, seed)
        if reply.finish in ("length", "content_filter"):
            raise Unanswered(f"the answer broke off ({reply.finish}), prompt {reply.prompt_id}")
        return reply

    def each(self, count: int, work: Callable[[int], Value]) -> list[Value]:
        """`work` of each number below `count`, several at once; what one raises waits until all are done."""
        return each(count, work, self.writer.threads, self.writer.stopping)


def opened(
    server: Server | None,
    local: str | None,
    sampling: Sampling,
    answers: str | None,
    out: Path,
    temperature: float = 0.0,
) -> Chats:
    """Chats as a plugin's options have them, kept in its folder; `temperature` where the options give none."""
    if sampling.temperature is None:
        sampling = replace(sampling, temperature=temperature)
    folder = out / "answers" if answers is None else Path(answers).expanduser()
    writer: Writer = ServerWriter.of(server, sampling, out) if server else LocalWriter(str(local), sampling)
    return Chats(writer, Kept(folder))


def each(count: int, work: Callable[[int], Value], threads: int, stopping: Event) -> list[Value]:
    """`work` of each number, in order. The first FineryError stops those that wait; others are raised at the end."""

    def tried(number: int) -> Value | Failed:
        if stopping.is_set():
            return Failed(Unanswered("the run stopped before it was asked"))
        try:
            return work(number)
        except FineryError as error:
            stopping.set()
            return Failed(error)
        except Exception as error:  # noqa: BLE001 - one record's fault waits until the others are answered
            return Failed(error)

    found = list(map(tried, range(count))) if threads == 1 else side_by_side(count, tried, threads, stopping)
    faults = [one.error for one in found if isinstance(one, Failed)]
    for fault in sorted(faults, key=lambda error: not isinstance(error, FineryError)):
        raise fault
    return [one for one in found if not isinstance(one, Failed)]


def side_by_side(count: int, work: Callable[[int], Value], threads: int, stopping: Event) -> list[Value]:
    """`work` of each number in threads; an interrupt leaves out those that have not begun."""
    pool = ThreadPoolExecutor(min(threads, max(count, 1)), thread_name_prefix="finery-chat")
    try:
        return list(pool.map(work, range(count)))
    except BaseException:
        stopping.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
