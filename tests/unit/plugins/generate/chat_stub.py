"""A server on loopback that speaks OpenAI's chat completions, and misbehaves when it is told to."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Fault = dict[str, Any]
"""`status`, `headers`, `body`, `seconds` (to wait first), `drop` (hang up), `drip` (seconds between bytes)."""


def digest(body: Body) -> str:
    """16 hex digits that follow from a request."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def useful(body: Body) -> str:
    """What every plugin can make something of: a sample where JSON is asked for, else steps with an answer."""
    name = digest(body)
    if "JSON" in body["messages"][-1]["content"]:
        return json.dumps({"question": f"What does the mark {name} mean?", "answer": f"It means {name[::-1]}."})
    return f"1. Look for {name}.\n2. Read what it says.\n\nThe answer is 12."


@dataclass
class ChatStub:
    """The server: faults are served first, one a request, then answers."""

    answer: Callable[[Body], str] = useful
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 20})
    key: str | None = None
    finish: str = "stop"
    requests: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> ChatStub:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                serve(stub, self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass  # a client that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def options(self, **more: Any) -> dict[str, Any]:
        """The option `server` that names it."""
        return {"url": self.url, "model": "stub", "backoff_seconds": 0.001, **more}

    def prompts(self) -> list[str]:
        """The last message of each request."""
        return [body["messages"][-1]["content"] for body in self.requests]


def serve(stub: ChatStub, handler: BaseHTTPRequestHandler) -> None:
    """One request."""
    body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
    with stub.lock:
        stub.requests.append(body)
        stub.headers.append({name.lower(): value for name, value in handler.headers.items()})
        stub.times.append(time.monotonic())
        fault = stub.faults.pop(0) if stub.faults else {}
        stub.under_way += 1
        stub.most_under_way = max(stub.most_under_way, stub.under_way)
    try:
        time.sleep(fault.get("seconds", stub.seconds))
        if fault.get("drop"):
            handler.close_connection = True
            return
        send(stub, handler, body, fault)
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        with stub.lock:
            stub.under_way -= 1


def send(stub: ChatStub, handler: BaseHTTPRequestHandler, body: Body, fault: Fault) -> None:
    """A response as the protocol has it, or as the fault says."""
    told = handler.headers.get("Authorization")
    refused = stub.key is not None and told != f"Bearer {stub.key}"
    said = (
        json.dumps({"error": {"message": f"Incorrect API key provided: {told}"}}) if refused else completion(stub, body)
    )
    content = fault.get("body", said).encode()
    handler.send_response(fault.get("status", 401 if refused else 200))
    for name, value in {"Content-Type": "application/json", **fault.get("headers", {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content) + fault.get("missing", 0)))
    handler.end_headers()
    drip(handler, content, fault.get("drip", 0.0))
    handler.close_connection = bool(fault.get("missing"))


def drip(handler: BaseHTTPRequestHandler, content: bytes, seconds: float) -> None:
    """The body, a byte at a time where it is to be slow."""
    pieces: Sequence[bytes] = [bytes([byte]) for byte in content] if seconds else [content]
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(seconds)


def completion(stub: ChatStub, body: Body) -> str:
    """A chat completion."""
    message = {"role": "assistant", "content": stub.answer(body)}
    made = {
        "id": f"chatcmpl-{digest(body)}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": f"{body['model']}-0001",
        "choices": [{"index": 0, "message": message, "finish_reason": stub.finish}],
    }
    return json.dumps(made | ({"usage": stub.usage} if stub.usage else {}))
