"""What runs in the fresh environment: import each plugin under watch, then the conformance kit and its own page.

`python -m finery_registry.probe TASK RESULT` reads plugins from the JSON file TASK and writes JSON to RESULT.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from finery import FineryError
from finery.testing import check

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime",
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request",
    "shutil.copyfile", "shutil.move", "shutil.rmtree", "sqlite3.connect",
)  # fmt: skip
"""Audit events of Python that an import has no business to raise."""


def main(task: Path, result: Path) -> None:
    """Answer the task."""
    plugins = json.loads(task.read_text(encoding="utf-8"))
    result.write_text(json.dumps([answered(plugin) for plugin in plugins], default=str), encoding="utf-8")


def answered(plugin: dict[str, Any]) -> dict[str, Any]:
    """The faults of one plugin, and what it says of itself."""
    module, _, name = plugin["target"].partition(":")
    with watched() as seen:
        try:
            found = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            return {"faults": [["import", f"raised {type(error).__name__}: {error}", "can it be imported alone?"]]}
    faults = [
        ["import", event, "do that when the plugin works, not when it is looked at"] for event in dict.fromkeys(seen)
    ]
    if plugin["hook"] == "command":
        kind = [] if isinstance(found, click.Command) else [["conformance", f"{name} is no click command", ""]]
        return {"faults": [*faults, *kind]}
    page, wrong = described(plugin)
    return {"faults": [*faults, *wrong, *([] if wrong else conformance(plugin, found))], "page": page}


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is written, started or called over the network meanwhile. An audit hook stays, so it is told to sleep."""
    seen: list[str] = []
    awake = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if awake and (told := happening(event, arguments)):
            seen.append(told)

    sys.addaudithook(hook)
    try:
        yield seen
    finally:
        awake = False


def happening(event: str, arguments: Sequence[Any]) -> str:
    """An audit event as a fault, nothing for one that does no harm."""
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        harmless = isinstance(arguments[0], int) or str(arguments[0]) == os.devnull
        return "" if harmless else f"opens {Path(os.fsdecode(arguments[0])).name} for writing at import"
    return f"calls {event} at import" if event in CHANGES else ""


def described(plugin: dict[str, Any]) -> tuple[dict[str, Any], list[list[str]]]:
    """What `finery plugins show` says of it, and why it says nothing."""
    from importlib import metadata

    (verbs,) = metadata.entry_points(group="finery.command", name="plugins")
    group = verbs.load()
    try:
        with click.Context(group) as context:
            (page,) = group.ask(context, "show", name=plugin["name"], hook=plugin["hook"], as_json=True)[0]
    except (FineryError, ValueError, click.ClickException) as error:
        return {}, [["show", str(error), "what does finery plugins show say?"]]
    if page["manifest"]["api"] != plugin["api"]:
        fault = f"is for plugin API {page['manifest']['api']}, its entry says {plugin['api']}"
        return page, [["api", fault, "make them one"]]
    return page, []


def conformance(plugin: dict[str, Any], found: Any) -> list[list[str]]:
    """The faults that the conformance kit finds."""
    if plugin["hook"] == "observe":
        return []
    try:
        report = check(found(**plugin["options"]), samples=plugin["samples"])
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        remedy = "give the options that it cannot do without in the entry: options = { ... }"
        return [["conformance", f"raised {type(error).__name__}: {error}", remedy]]
    return [["conformance", f"{fault.place}: {fault.fault}", fault.remedy] for fault in report.faults]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
