"""pipeline.toml to a Pipeline: every fault at once, each with its line and the word that may have been meant."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from finery.catalog import Entry, entries, find, load
from finery.data.source import SourceConfig
from finery.errors import Fault, FineryError, PipelineError, PluginError, did_you_mean
from finery.fileoptions import resolved
from finery.invalid import told
from finery.plugins import manifest
from finery.tables import ObserverTable, PlanTable, RunTable, SourceTable, StageWords
from finery.tomllines import key_lines, line_of
from finery.types import Needs

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class StageConfig:
    """One stage as the file has it."""

    id: str
    hook: str
    entry: Entry
    plugin: Any
    options: Mapping[str, Any]
    words: StageWords
    place: str
    """`pipeline.toml:13`, for faults found later."""

    @property
    def threads(self) -> int:
        """CPU threads of one worker: as the stage says, else as its plugin does; never what the machine has."""
        return max(1, int(self.needs.cpus))

    @property
    def needs(self) -> Needs:
        """What one worker holds: as the stage says, else as its plugin does."""
        own, said = manifest(type(self.plugin)).needs, self.words.needs
        cpus = own.cpus if said.cpus is None else said.cpus
        return Needs(cpus, own.gpus if said.gpus is None else said.gpus, own.extra)

    @property
    def workers(self) -> int:
        """How many workers carry the stage out together."""
        return self.words.needs.workers or 1


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file, understood."""

    name: str
    seed: int
    sources: tuple[SourceConfig, ...]
    stages: tuple[StageConfig, ...]
    observers: tuple[tuple[Entry, Any], ...]
    run: RunTable
    file: Path
    raw: Mapping[str, Any] = field(default_factory=dict)
    plan: PlanTable = field(default_factory=PlanTable)

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self.file.parent


class Reader:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, file: Path, text: str, raw: dict[str, Any], known: Sequence[Entry]) -> None:
        self.file = file
        self.raw = raw
        self.lines = key_lines(text)
        self.known = known
        self.faults: list[Fault] = []

    def fault(self, place: Place, fault: str, remedy: str = "") -> None:
        """Note one fault."""
        line = line_of(self.lines, place)
        self.faults.append(Fault(f"{self.file.name}:{line}" if line else self.file.name, fault, remedy))

    def table(self, model: type[Any], values: Any, place: Place, what: str) -> Any:
        """Values as a model, or None with the faults noted."""
        if not isinstance(values, dict):
            self.fault(place, f"{what} must be a table")
            return None
        try:
            return model(**values)
        except ValidationError as error:
            self.invalid(error, place, what, list(model.__pydantic_fields__))
        except TypeError as error:
            self.fault(place, f"{what}: {error}")
        return None

    def invalid(self, error: ValidationError, place: Place, what: str, known: Iterable[str]) -> None:
        """Note everything that pydantic found."""
        for words, fault, remedy in told(error, known):
            self.fault((*place, *words), f"{what}: {fault}", remedy)

    def top(self) -> None:
        """Note unknown keys at the top of the file."""
        known = ("name", "seed", "source", "stage", "observer", "run", "plan")
        for word in self.raw:
            if word not in known:
                self.fault(
                    (word,),
                    f"unknown key '{word}'{did_you_mean(word, known)}",
                    f"keys are {', '.join(known)}",
                )
        for word, kind in (("name", str), ("seed", int)):
            if not isinstance(self.raw.get(word, kind()), kind):
                self.fault((word,), f"'{word}' must be {'a text' if kind is str else 'a whole number'}")

    def listed(self, word: str) -> list[Any]:
        """The tables `[[word]]`."""
        found = self.raw.get(word, [])
        if not isinstance(found, list):
            self.fault((word,), f"'{word}' is a list of tables", f"write [[{word}]]")
            return []
        return found

    def sources(self) -> list[SourceConfig]:
        """The sources."""
        made: list[SourceConfig] = []
        for number, values in enumerate(self.listed("source")):
            place = ("source", number)
            table = self.table(SourceTable, values, place, "source")
            if table is None:
                continue
            if sum(part is not None for part in (table.path, table.dataset, table.query)) != 1:
                self.fault(place, f"source '{table.name}': give one of 'path', 'dataset' and 'query'")
            if table.name in [source.name for source in made]:
                self.fault((*place, "name"), f"source '{table.name}' stands twice", "give it another name")
            made.append(SourceConfig(**table.model_dump()))
        if not made and not self.faults:
            self.fault((), "there is no source", "add [[source]] with name and path")
        return made

    def observers(self) -> list[tuple[Entry, Any]]:
        """The observers."""
        made: list[tuple[Entry, Any]] = []
        for number, values in enumerate(self.listed("observer")):
            place = ("observer", number)
            table = self.table(ObserverTable, values, place, "observer")
            entry = self.entry("observe", table.use, (*place, "use")) if table else None
            if entry is None:
                continue
            plugin = self.plugin(entry, table.options, (*place, "options"), f"observer '{table.use}'")
            if plugin is not None:
                made.append((entry, plugin))
        return made

    def entry(self, hook: str, name: Any, place: Place) -> Entry | None:
        """The plugin of that name, or None with the fault noted."""
        if not isinstance(name, str):
            self.fault(place, f"{hook}: name a plugin, not {name!r}")
            return None
        try:
            return find(hook, name, self.known)
        except PipelineError as error:
            self.fault(place, error.faults[0].fault, error.faults[0].remedy)
        return None

    def plugin(self, entry: Entry, options: Mapping[str, Any], place: Place, what: str) -> Any:
        """A plugin with its options, or None with the faults noted."""
        try:
            cls = load(entry)
            manifest(cls)
            return self.table(cls, resolved(cls, options, self.file.resolve().parent), place, what)
        except FineryError as error:
            self.fault(place, f"{what}: {error.faults[0].place}: {error.faults[0].fault}", error.faults[0].remedy)
        return None


def read_pipeline(file: Path, settings: Sequence[str] = (), known: Sequence[Entry] | None = None) -> Pipeline:
    """The pipeline in a file, with `stage.option=value` settings put over it.

    `known` are the installed plugins, for who reads many files: looking them up takes 80 ms. Raises PipelineError with
    all faults. Plugins beside the file can be named `module:Class`: its folder must be on `sys.path`.
    """
    from finery.config_stages import read_stages
    from finery.settings import with_settings

    text = read_text(file)
    raw = with_settings(parse(file, text), settings)
    reader = Reader(file, text, raw, entries() if known is None else known)
    reader.top()
    run = reader.table(RunTable, raw.get("run", {}), ("run",), "[run]")
    reckoned = reader.table(PlanTable, raw.get("plan", {}), ("plan",), "[plan]")
    sources = reader.sources()
    stages = read_stages(reader, [source.name for source in sources])
    observers = reader.observers()
    if reader.faults:
        raise PipelineError(*sorted(reader.faults, key=line_number))
    name, seed = raw.get("name", file.stem), raw.get("seed", 0)
    parts = (tuple(sources), tuple(stages), tuple(observers), run, file.resolve(), raw, reckoned)
    return Pipeline(name, seed, *parts)


def line_number(fault: Fault) -> int:
    """The line that a fault points at; 0 for the whole file."""
    line = fault.place.rpartition(":")[2]
    return int(line) if line.isdigit() else 0


def read_text(file: Path) -> str:
    """The text of a pipeline file. Raises PipelineError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError.at(file, "there is no such file", "name a pipeline.toml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError.at(file, f"cannot be read: {error}") from None


def parse(file: Path, text: str) -> dict[str, Any]:
    """The tables in a text. Raises PipelineError with the line where it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at line ")
        line = where.partition(",")[0]
        place = f"{file.name}:{line}" if line.isdigit() else file.name
        raise PipelineError.at(place, f"not TOML: {message}") from None


def as_options(plugin: Any) -> dict[str, Any]:
    """A plugin's options as plain values, defaults included."""
    from pydantic import TypeAdapter

    found: dict[str, Any] = TypeAdapter(type(plugin)).dump_python(plugin, mode="json")
    return found


__all__ = [
    "Pipeline",
    "PluginError",
    "RunTable",
    "SourceTable",
    "StageConfig",
    "as_options",
    "asdict",
    "read_pipeline",
]
