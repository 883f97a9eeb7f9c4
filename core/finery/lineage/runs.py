"""Runs as the lineage has them: which there are, which one is meant, and what their stages left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finery.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]

TRAINED = ("train", "evaluate")
"""The hooks whose stages leave no records."""

STAGES = """
select s.position, s.stage as id, s.hook, s.plugin, s.package, s.artifact, s.reused, s.why,
    a.artifact is not null as finished,
    (select coalesce(list(source order by rowid), []) from inputs i
     where i.artifact = s.artifact and source is not null) as sources
from stages s left join artifacts a using (artifact) where s.run = ? order by position
"""


@dataclass(frozen=True)
class RunStage:
    """One stage of a run."""

    position: int
    id: str
    hook: str
    plugin: str
    package: str
    artifact: str
    reused: bool
    why: str
    """Why it had to run; nothing where it was reused."""
    finished: bool
    """Whether its artifact is in the lineage."""
    sources: tuple[str, ...]
    """The sources that it saw; none where it is not finished."""


@dataclass(frozen=True)
class Run:
    """One run, with its stages in order."""

    id: str
    name: str
    status: str
    stages: tuple[RunStage, ...]

    def artifacts(self, hooks: Sequence[str] | None = None) -> list[str]:
        """What its finished stages left, of some hooks or of all."""
        return [s.artifact for s in self.stages if s.finished and (hooks is None or s.hook in hooks)]

    def data_stages(self) -> list[RunStage]:
        """The stages that leave records."""
        return [stage for stage in self.stages if stage.hook not in TRAINED]

    def stage(self, name: str) -> RunStage:
        """The stage of that id. Raises UsageError where there is none."""
        for stage in self.stages:
            if stage.id == name:
                return stage
        known = [stage.id for stage in self.stages]
        raise UsageError.at(
            f"run {self.id}", f"no stage '{name}'{did_you_mean(name, known)}", f"stages are {', '.join(known)}"
        )


def rows(connection: duckdb.DuckDBPyConnection, query: str, values: Any = None) -> Rows:
    """What a query finds, a dictionary a row; `$artifacts` and other values are bound."""
    found = connection.execute(query, values)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def run_ids(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Every run, the latest first."""
    return [
        str(row[0]) for row in connection.execute("select run from runs order by started desc, run desc").fetchall()
    ]


def find_run(connection: duckdb.DuckDBPyConnection, name: str | None = None) -> Run:
    """The run that `name` means: an id or the beginning of one, `last`, `last~2` for the second before it.

    Raises UsageError where it means none, or several.
    """
    known = run_ids(connection)
    if not known:
        raise UsageError.at("finery", "nothing has run here yet", "finery run pipeline.toml")
    return read_run(connection, meant(name or "last", known))


def meant(name: str, known: Sequence[str]) -> str:
    """The id that a name means. Raises UsageError."""
    word, tilde, back = name.partition("~")
    if word == "last" and (back.isdigit() or not tilde):
        place = int(back or 0)
        if place >= len(known):
            raise UsageError.at(name, f"there are only {len(known)} runs", "see finery runs")
        return known[place]
    found = [run for run in known if run == name] or [run for run in known if run.startswith(name)]
    if len(found) != 1:
        fault = f"could be {', '.join(found[:5])}" if found else f"no such run{did_you_mean(name, known)}"
        raise UsageError.at(f"run '{name}'", fault, "see finery runs; 'last' and 'last~1' will do, too")
    return found[0]


def is_run(name: str, known: Iterable[str]) -> bool:
    """Whether a name is one that `find_run` takes."""
    return name.partition("~")[0] == "last" or bool(name and any(run.startswith(name) for run in known))


def read_run(connection: duckdb.DuckDBPyConnection, run: str) -> Run:
    """A run by its whole id."""
    head = rows(connection, "select name, status from runs where run = ?", [run])[0]
    stages = [{**row, "sources": tuple(row["sources"])} for row in rows(connection, STAGES, [run])]
    return Run(run, head["name"], head["status"], tuple(RunStage(**stage) for stage in stages))
