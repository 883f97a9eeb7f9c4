"""What a training left beside its model: metrics as curves, and which records went into which steps.

An interrupted training begins a new attempt; where two tell of the same step or epoch, the later one counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from finery import Dataset

MEMORY = "512MB"
"""What looking up records may hold; beyond, it goes to disk."""

STEPS = r"""
create or replace temp view told_steps as
select step, rank, record::varchar as record, start, length from (
    select *, regexp_extract(filename, 'steps-(\d+)-', 1) as attempt from read_parquet({files}, filename = true))
qualify attempt = max(attempt) over (partition by step, rank)
"""

LOSSES = r"""
create or replace temp view told_losses as
select record::varchar as record, epoch, loss, tokens from (
    select *, regexp_extract(filename, 'losses-(\d+)-', 1) as attempt from read_parquet({files}, filename = true))
qualify attempt = max(attempt) over (partition by epoch)
"""

# A step opens an epoch where most of what it read was read as often before; a few records that stand twice in an epoch
# do not show.
BORDERS = """
with counted as (select step, row_number() over (partition by record, start order by step) as time from told_steps),
shares as (select step, median(time)::int as epoch from counted group by step)
select epoch, min(step) from shares where epoch > 1 group by epoch order by epoch
"""


@dataclass(frozen=True)
class Curve:
    """One measure as it went, of one source or of all."""

    steps: np.ndarray
    """`int64` (n,), rising."""
    values: np.ndarray
    """`float64` (n,)."""


@dataclass(frozen=True)
class Metrics:
    """What a training measured."""

    curves: dict[tuple[str, str | None], Curve]
    """By name and source."""

    def curve(self, name: str, source: str | None = None) -> Curve:
        """A measure, empty where it was not taken."""
        return self.curves.get((name, source), Curve(np.empty(0, np.int64), np.empty(0)))

    def sources(self, name: str = "loss") -> list[str]:
        """The sources that a measure was taken of."""
        return sorted(source for told, source in self.curves if told == name and source is not None)


def metrics_in(folder: Path) -> Metrics:
    """All metrics of steps in a training's folder, the last attempt's word where there are several.

    A half-written line, which a kill leaves, is passed over.
    """
    found: dict[tuple[str, str | None, int | None], float] = {}
    for path in sorted(folder.glob("metrics-*.jsonl")):
        found.update(lines(path))
    steps: dict[tuple[str, str | None], dict[int, float]] = defaultdict(dict)
    for (name, source, step), value in found.items():
        if step is not None:
            steps[name, source][step] = value
    curves = {key: curve(told) for key, told in steps.items()}
    return Metrics(curves)


def lines(path: Path) -> Iterator[tuple[tuple[str, str | None, int | None], float]]:
    """What each line of a file tells."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                entry = json.loads(line)
                yield (entry["name"], entry["source"], entry["step"]), float(entry["value"])
            except (ValueError, TypeError, KeyError):
                continue


def curve(told: dict[int, float]) -> Curve:
    """Values by step as a curve."""
    steps = sorted(told)
    return Curve(np.array(steps, np.int64), np.array([told[step] for step in steps]))


@dataclass
class Trail:
    """The records of a training's steps, looked up on disk. Close it."""

    folder: Path
    scratch: Path
    connection: duckdb.DuckDBPyConnection = field(init=False)
    has_steps: bool = field(init=False, default=False)
    has_losses: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(str(self.scratch / "trail.duckdb"))
        self.connection.execute("set memory_limit = $1", [MEMORY])
        self.connection.execute("set temp_directory = $1", [str(self.scratch / "spill")])
        self.has_steps = self.view("steps", STEPS)
        self.has_losses = self.view("losses", LOSSES)
        self.connection.execute("create or replace table homes (record varchar, source varchar)")

    def view(self, kind: str, query: str) -> bool:
        """Make the files of a kind readable; whether there are any."""
        files = [str(path) for path in sorted(self.folder.glob(f"{kind}-*.parquet"))]
        if files:
            quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
            self.connection.execute(query.format(files=f"[{quoted}]"))
        return bool(files)

    def learn(self, examples: Dataset) -> None:
        """Note which source each record of a data set is of."""
        for batch in examples.batches(columns=("id", "source")):
            ids = [str(one) for one in batch["id"].to_pylist()]
            homes = pa.table({"record": ids, "source": batch["source"].cast(pa.string())})
            self.connection.register("found_homes", homes)
            self.connection.execute("insert into homes select record, source from found_homes")
            self.connection.unregister("found_homes")

    def borders(self) -> list[tuple[int, int]]:
        """Each epoch behind the first, and the step that opens it."""
        return self.ask(BORDERS) if self.has_steps else []

    def records(self, first: int, last: int, source: str | None, most: int) -> tuple[int, list[str]]:
        """How many records went into some steps, both ends included, and those with most tokens in them.

        Of one source, where it is known which records are its own.
        """
        if not self.has_steps:
            return 0, []
        home, given = self.home(source)
        query = f"""
            select record, count(*) over () from told_steps where step between ? and ? {home}
            group by record order by sum(length) desc, record limit ?"""  # noqa: S608 - no value of others in it
        found = self.ask(query, [first, last, *given, most])
        return (found[0][1] if found else 0), [record for record, _ in found]

    def easiest(self, under: float, source: str | None, most: int) -> tuple[int, int, list[dict[str, Any]]]:
        """Of the last epoch: how many records have a loss under a bound, of how many, and those with the lowest."""
        if not self.has_losses:
            return 0, 0, []
        home, given = self.home(source)
        last = f"epoch = (select max(epoch) from told_losses) and epoch > 0 {home}"  # noqa: S608
        query = f"""
            select record, loss, epoch, count(*) over () from told_losses where loss < ? and {last}
            order by loss, record limit ?"""  # noqa: S608
        found = self.ask(query, [under, *given, most])
        ((total,),) = self.ask(f"select count(*) from told_losses where {last}", given)  # noqa: S608
        said = [{"record": record, "loss": loss, "epoch": epoch} for record, loss, epoch, _ in found]
        return (found[0][3] if found else 0), total, said

    def home(self, source: str | None) -> tuple[str, list[str]]:
        """The condition that a record is of a source, and what it is held against."""
        if source is None or not self.ask("select 1 from homes where source = ? limit 1", [source]):
            return "", []
        return "and record in (select record from homes where source = ?)", [source]

    def ask(self, query: str, given: Sequence[Any] = ()) -> list[Any]:
        """The rows that a query finds."""
        return self.connection.execute(query, list(given)).fetchall()

    def close(self) -> None:
        """Let go of everything; nothing stays on disk."""
        self.connection.close()
        for path in (self.scratch / "trail.duckdb", self.scratch / "trail.duckdb.wal"):
            path.unlink(missing_ok=True)


def finite(values: Iterable[float]) -> np.ndarray:
    """Those of some numbers that are numbers."""
    found = np.array(list(values), np.float64)
    return found[np.isfinite(found)]
