"""An entry of the index, written from what a wheel says of itself; an entry that there is gets one more release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finery import API, UsageError
from finery_registry.listing import normalised
from finery_registry.record import toml
from finery_registry.schema import read_entry
from finery_registry.sources import apis
from finery_registry.wheel import Wheel


def drafted(wheel: Wheel, folder: Path, repository: str | None = None, author: str | None = None) -> Path:
    """Write the entry of a wheel into a folder and return its file; where its source is, and whose, if it lacks that.

    Raises UsageError with every fault, such as no licence in the wheel; nothing is written then.
    """
    name = normalised(wheel.field("name"))
    file = folder / f"{name}.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else opening(wheel, name, repository, author)
    made = f"{text.rstrip()}\n\n{table('[[release]]', release(wheel))}\n"
    _, faults = read_entry(made, file.name, name)
    if faults:
        raise UsageError(*faults)
    file.write_text(made, encoding="utf-8")
    return file


def opening(wheel: Wheel, name: str, repository: str | None, author: str | None) -> str:
    """All of an entry but its releases."""
    address = wheel.field("author-email")
    whose = author or wheel.field("author") or address.partition("<")[0].strip() or address
    said = {
        "name": name,
        "summary": wheel.field("summary"),
        "repository": repository or source(wheel),
        "licence": wheel.field("license-expression") or wheel.field("license"),
        "authors": [whose] if whose else [],
        "keywords": [word.strip() for word in wheel.field("keywords").split(",") if word.strip()],
    }
    provided = [table("[[provides]]", {"hook": hook, "name": plugin}) for hook, plugin in provides(wheel)]
    return "\n\n".join([table("", said), *provided])


def provides(wheel: Wheel) -> Iterator[tuple[str, str]]:
    """Hook and name of each plugin."""
    for group, points in wheel.points.items():
        if group.startswith("finery."):
            yield from ((group.removeprefix("finery."), name) for name in points)


def source(wheel: Wheel) -> str:
    """Where the wheel says that its source is; nothing where it does not."""
    urls = dict(line.split(", ", 1) for line in wheel.metadata.get("project-url", []) if ", " in line)
    known = {label.casefold(): url for label, url in urls.items()}
    return next((known[word] for word in ("repository", "source", "homepage") if word in known), "")


def release(wheel: Wheel) -> dict[str, Any]:
    """A release as `[[release]]` has it; the API is the highest that the source names, by default today's."""
    written = [api for _, text in wheel.sources() for _, api in apis(text)]
    needs = [line for line in wheel.metadata.get("requires-dist", []) if "extra ==" not in line]
    return {
        "version": wheel.field("version"),
        "api": max(written, default=API),
        "wheel": wheel.path.name,
        "sha256": wheel.sha256,
        "python": wheel.field("requires-python"),
        "requires": needs,
    }


def table(header: str, values: Mapping[str, Any]) -> str:
    """A table of TOML without what is empty."""
    lines = [f"{key} = {toml(value)}" for key, value in values.items() if value not in ("", [])]
    return "\n".join([header, *lines] if header else lines)
