"""What a train or evaluate stage needs on a machine that shares no disk with the driver, and what it leaves: by way of
the store."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finery.data.artifacts import Artifacts
from finery.data.store import Store
from finery.executors.carried import brought, fetched, is_stored, sent, stored
from finery.types import Model


@dataclass(frozen=True)
class Home:
    """A stage's artifact, as every machine has it: in its own copy, and in the store."""

    artifacts: Artifacts
    fingerprint: str
    store: Store
    """Where machines keep it together."""

    @property
    def out(self) -> Path:
        """The folder that the plugin works in, here."""
        return self.artifacts.root / "artifacts" / f"{self.fingerprint}.partial" / "out"

    @property
    def told(self) -> Path:
        """A file that says which attempt works here, and what it has put in the store."""
        return self.out.parent / "kept.json"

    def moved(self, root: Path) -> Home:
        """The same on a machine whose copy of the work folder is there."""
        return replace(self, artifacts=replace(self.artifacts, root=root))

    def leaving(self, plugin: Any, arguments: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A plugin and its arguments on their way to other machines."""
        model = arguments["model"]
        if model is not None:
            name = stored(str(model.path), self.artifacts.root, self.store)
            model = replace(model, path=Path(name)) if is_stored(name) else model
        return sent(plugin, self.artifacts), {**arguments, "model": model}

    def arriving(self, plugin: Any, arguments: Mapping[str, Any], attempt: str) -> tuple[Any, dict[str, Any]]:
        """A plugin and its arguments on this machine, what they name fetched; `out` as the newest `keep` left it."""
        model: Model | None = arguments["model"]
        with self.alone():
            self.settle(attempt)
            if model is not None and is_stored(str(model.path)):
                model = replace(model, path=Path(fetched(str(model.path).partition(":")[2], self.artifacts)))
            plugin = brought(plugin, self.artifacts)
        examples = replace(arguments["examples"], artifacts=self.artifacts)
        own = {"model": model, "out": self.out, "examples": examples}
        if arguments.get("search") is not None:
            own["search"] = replace(arguments["search"], dataset=examples, root=self.artifacts.root)
        return plugin, {**arguments, **own}

    def settle(self, attempt: str) -> None:
        """Begin an attempt: nothing of an earlier one counts but what it put in the store.

        The first worker of a machine that comes does it for all of them.
        """
        if self.kept().get("attempt") == attempt:
            return
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.artifacts.fetch_folder(self.fingerprint, "out")
        self.told.write_text(json.dumps({"attempt": attempt} | self.marks(self.out)))

    def keep(self, path: Path) -> None:
        """Put a file or folder of `out` in the store, if no worker of this machine has.

        Folders beside a file's own that are gone here are taken out of the store: old checkpoints, say.
        """
        with self.alone():
            kept = self.kept()
            for name, mark in self.marks(path).items():
                if kept.get(name) != mark:
                    self.store.put(self.out / name, self.name(name))
                    kept[name] = mark
            self.told.write_text(json.dumps(kept))
            if path.is_file() and path.parent != self.out:
                self.forget(path.parent.parent)

    def forget(self, folder: Path) -> None:
        """Take out of the store what belongs to folders of a folder that are gone here."""
        base = folder.relative_to(self.out).as_posix()
        there = self.store.files(self.name(base))
        gone = {name for name in there if "/" in name and not (folder / name.partition("/")[0]).is_dir()}
        self.store.remove(f"{self.name(base)}/{name}" for name in sorted(gone))

    def finish(self) -> None:
        """Leave in the store what `out` holds in the end, and nothing else of it."""
        self.keep(self.out)
        there = self.store.files(self.name("."))
        self.store.remove(self.name(name) for name in sorted(there) if not (self.out / name).exists())

    def name(self, within: str) -> str:
        """What the store calls a file of `out`."""
        base = f"artifacts/{self.fingerprint}/out"
        return base if within == "." else f"{base}/{within}"

    def marks(self, path: Path) -> dict[str, list[int]]:
        """The files of a folder, or a file, by their names in `out`, each with its time and size."""
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        sizes = {file.relative_to(self.out).as_posix(): file.stat() for file in files if file.suffix != ".unfinished"}
        return {name: [stat.st_mtime_ns, stat.st_size] for name, stat in sizes.items()}

    def kept(self) -> dict[str, Any]:
        """Which attempt works here, and the marks of what is in the store."""
        try:
            found: dict[str, Any] = json.loads(self.told.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One worker of this machine at a time."""
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with (self.out.parent / "kept.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def home_of(arguments: Mapping[str, Any]) -> Home | None:
    """The home of a stage whose artifact lies in a store; None without one."""
    artifacts = getattr(arguments["examples"], "artifacts", None)
    if artifacts is None or artifacts.store is None:
        return None
    return Home(artifacts, arguments["out"].parent.name.removesuffix(".partial"), artifacts.store)
