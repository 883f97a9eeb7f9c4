"""A headless Chromium to look at a page with: spoken to over two pipes, so that no driver or port is needed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage --remote-debugging-pipe
"""


@dataclass
class Browser:
    """One tab: what it is told, and what it tells."""

    send: int
    hear: int
    session: str = ""
    number: int = 0
    waiting: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        """The answer to one command of Chromium's protocol; events that come before it are kept."""
        self.number += 1
        own = {"sessionId": self.session} if self.session else {}
        os.write(self.send, json.dumps({"id": self.number, "method": method, "params": values, **own}).encode() + b"\0")
        while True:
            told = self.told()
            if told.get("id") == self.number:
                assert "error" not in told, told
                return dict(told["result"])
            self.events.append(told)

    def told(self) -> dict[str, Any]:
        """The next thing that Chromium says."""
        while b"\0" not in self.waiting:
            part = os.read(self.hear, 1 << 20)
            assert part, "Chromium is gone"
            self.waiting += part
        line, _, self.waiting = self.waiting.partition(b"\0")
        return dict(json.loads(line))

    def value(self, script: str) -> Any:
        """What an expression comes to in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, address: str, width: int, height: int = 900, theme: str = "light") -> float:
        """Go to a page in a window of that size; the seconds until it is loaded and its first pictures are drawn."""
        self.events.clear()
        mobile = width < 600
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        started = time.monotonic()
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")
        self.value("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
        return time.monotonic() - started

    def until(self, script: str, seconds: float = 180) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.value(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    def heard(self, method: str) -> list[dict[str, Any]]:
        """The events of one kind since the page was opened."""
        self.value("1")
        return [event["params"] for event in self.events if event.get("method") == method]

    def picture(self, place: Path, full: bool = True) -> None:
        """A picture of the page."""
        found = self.ask("Page.captureScreenshot", captureBeyondViewport=full, format="png")
        place.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with one empty tab, that tells of requests, errors and messages; it is gone afterwards."""
    commands, answers = os.pipe(), os.pipe()
    # The shell gives the pipes the numbers that Chromium wants, 3 and 4, whatever their numbers are here.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands[0], answers[1])]
    for end in (commands[0], answers[1]):
        os.close(end)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shell = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash"]
        words = [*shell, str(CHROMIUM), *SWITCHES.split(), f"--user-data-dir={profile}"]
        process = subprocess.Popen(words, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in ends:
            os.close(end)
        try:
            made = Browser(commands[1], answers[0])
            target = made.ask("Target.createTarget", url="about:blank")["targetId"]
            made.session = made.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                made.ask(f"{domain}.enable")
            yield made
        finally:
            process.terminate()
            process.wait(20)
            os.close(commands[1])
            os.close(answers[0])
