"""Files that a plugin's options name, on their way to machines that do not see them: through the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import xxhash

from finery.data.artifacts import Artifacts
from finery.data.store import Store
from finery.fileoptions import mapped, marked, path_digest
from finery.types import EvaluationMark, FileMark, ModelMark

STORED = "finery-store:"
"""Begins an option whose file is in the store, under the name that follows."""


def sent(plugin: Any, artifacts: Artifacts) -> Any:
    """A plugin whose options name files in the store: artifacts as they lie there, others after they were put there."""
    store = artifacts.store
    return plugin if store is None else changed(plugin, lambda name: stored(name, artifacts.root, store))


def brought(plugin: Any, artifacts: Artifacts) -> Any:
    """A plugin whose options name files here again, fetched into this machine's copy."""
    return changed(plugin, lambda name: fetched(name.removeprefix(STORED), artifacts) if is_stored(name) else name)


def changed(plugin: Any, change: Callable[[str], str]) -> Any:
    """A plugin with every file, model and evaluation that its options name changed."""
    if not hasattr(type(plugin), "__pydantic_fields__"):
        return plugin
    names = {name for mark in (FileMark, ModelMark, EvaluationMark) for name in marked(plugin.__class__, mark)}
    found = {name: mapped(getattr(plugin, name), change) for name in names}
    return replace(plugin, **found) if found else plugin


def is_stored(name: str) -> bool:
    """Whether an option is one of ours."""
    return name.startswith(STORED)


def stored(name: str, root: Path, store: Store) -> str:
    """The name in the store of what an option names; other names, such as a hub's, stay."""
    path = Path(name)
    if "://" in name or is_stored(name) or not path.is_absolute():
        return name
    if path.is_relative_to(root / "artifacts"):
        return f"{STORED}{path.relative_to(root).as_posix()}"
    base, files = below(path)
    if not files:
        return name
    digest = xxhash.xxh3_128_hexdigest("".join(path_digest(file) for file in files).encode())
    there = store.files(f"files/{digest}")
    for file in files:
        within = file.relative_to(base).as_posix()
        if there.get(within) != file.stat().st_size:
            store.put(file, f"files/{digest}/{within}")
    return f"{STORED}files/{digest}/{path.relative_to(base).as_posix()}"


def below(path: Path) -> tuple[Path, list[Path]]:
    """The files that a path or pattern stands for, and the folder that they are named from."""
    parts = [number for number, part in enumerate(path.parts) if has_magic(part)]
    base = Path(*path.parts[: parts[0]]) if parts and not path.exists() else path.parent
    found = [path] if path.exists() else [Path(one) for one in glob(str(path), recursive=True)]  # noqa: PTH207
    files = [file for one in found for file in ([one] if one.is_file() else one.rglob("*")) if file.is_file()]
    return base, sorted(files)


def fetched(name: str, artifacts: Artifacts) -> str:
    """What lies under a name of the store, here."""
    kind, digest, *within = name.split("/")
    if kind == "artifacts":
        artifacts.fetch(digest, [pattern for part in ["/".join(within) or "*"] for pattern in (part, f"{part}/*")])
        return str(artifacts.file(f"{digest}/{'/'.join(within)}"))
    folder = artifacts.root / kind / digest
    for file in artifacts.store.files(f"{kind}/{digest}") if artifacts.store else ():
        if artifacts.store and not (folder / file).exists():
            artifacts.store.get(f"{kind}/{digest}/{file}", folder / file)
    return str(folder.joinpath(*within))
