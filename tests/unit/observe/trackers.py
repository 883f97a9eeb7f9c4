"""What the trackers' tests share: a pipeline with two sources, one of its runs, and servers on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from finery.config import read_pipeline
from finery.run import run_pipeline

PIPELINE = """
name = "small"
seed = 3
run = {{ workers = 1 }}
source = [{{ name = "a", path = "a.jsonl" }}, {{ name = "b", path = "b.jsonl" }}]
stage = [{{ filter = "length", min_words = 2, id = "long" }}]
[[observer]]
use = "{use}"
options = {options}
"""
KEPT = {"a": 2, "b": 1}


def run(folder: Path, use: str, options: str) -> str:
    """Run a pipeline with an observer; the run's id. `use` is `module:Class`, so that no entry point is needed."""
    (folder / "a.jsonl").write_text('{"text": "a river of words"}\n{"text": "tin"}\n{"text": "sea and sand"}\n')
    (folder / "b.jsonl").write_text('{"text": "blue and green"}\n')
    file = folder / "pipeline.toml"
    file.write_text(PIPELINE.format(use=use, options=options))
    return run_pipeline(read_pipeline(file), folder / ".finery")


@contextmanager
def server(refusals: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps the JSON that is posted to it, after refusing so many times; its URL and what it kept."""
    kept: list[Any] = []
    left = [refusals]

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            refused = left[0] > 0
            left[0] -= refused
            if not refused:
                kept.append(json.loads(body))
            self.send_response(503 if refused else 201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *values: object) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}", kept
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def nobody() -> str:
    """A URL on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
