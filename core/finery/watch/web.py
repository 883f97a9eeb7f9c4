"""The state of a run as a page on this machine's loopback: nobody else can ask, and nothing but states is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from threading import Thread
from typing import Any

from finery.cli.render import plain
from finery.report.page import asset, plotting_library
from finery.watch.screen import said
from finery.watch.state import RunState

HOST = "127.0.0.1"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:"
Answer = tuple[str, bytes]
"""Media type and content."""


@contextmanager
def served(state: Callable[[], RunState], port: int = 0) -> Iterator[str]:
    """The address of a page that shows the state, while the context lasts. Port 0 takes one that is free."""
    pages = files()

    class Handler(BaseHTTPRequestHandler):
        """Answers GET for a few fixed paths."""

        server_version = "finery"
        sys_version = ""

        def do_GET(self) -> None:
            """A file, or the state. A page elsewhere that calls itself by this address is refused (DNS rebinding)."""
            if self.headers.get("Host") not in allowed:
                self.send_error(403)
            elif self.path == "/state":
                self.answer("application/json", json.dumps(told(state()), allow_nan=False).encode())
            elif self.path in pages:
                self.answer(*pages[self.path]())
            else:
                self.send_error(404)

        def answer(self, kind: str, content: bytes) -> None:
            """Send it."""
            self.send_response(200)
            headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
            more = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
            for name, value in (headers | more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, *_: Any) -> None:
            """Say nothing of each request."""

        def log_error(self, *_: Any) -> None:
            """Nor of what was refused."""

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        number = server.server_address[1]
        allowed = (f"{HOST}:{number}", f"localhost:{number}")
        thread = Thread(target=server.serve_forever, name="finery-watch", daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{number}/"
        finally:
            server.shutdown()
            thread.join()


def files() -> Mapping[str, Callable[[], Answer]]:
    """What there is beside the state. Raises MissingExtra without the plotting library."""
    plotly = plotting_library().encode()
    own = resources.files("finery.watch")
    script = "text/javascript; charset=utf-8"
    return {
        "/": lambda: ("text/html; charset=utf-8", own.joinpath("watch.html").read_bytes()),
        "/watch.js": lambda: (script, own.joinpath("watch.js").read_bytes()),
        "/plotly.js": lambda: (script, plotly),
        "/report.css": lambda: ("text/css; charset=utf-8", asset("report.css").encode()),
    }


def told(state: RunState) -> Any:
    """A state as JSON, with what a line says of each stage."""
    stages = [{**asdict(stage), "share": stage.share, "said": said(stage)} for stage in state.stages]
    return plain({**asdict(state), "stages": stages, "is_over": state.is_over})
