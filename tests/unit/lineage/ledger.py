"""A lineage database whose rows a test writes itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from finery.lineage.runs import Run, find_run
from finery.lineage.store import reading, writing


def rec(number: int) -> UUID:
    """A record's id; numbers stand in its last digits."""
    return UUID(int=number)


class Ledger:
    """Writes rows in the words of the schema, in one transaction before they are read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.waiting: list[tuple[str, Sequence[Any]]] = []
        root.mkdir(parents=True)

    def insert(self, table: str, *rows: Sequence[Any]) -> None:
        """Rows into one table."""
        self.waiting += [(table, row) for row in rows]

    def write(self) -> None:
        """Put the rows that wait into the database."""
        with writing(self.root) as connection:
            for table, row in self.waiting:
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into {table} values ({marks})", [as_sql(value) for value in row])
        self.waiting = []

    def run(self, name: str, stages: Sequence[str], minute: int = 0, status: str = "done", **pipeline: Any) -> None:
        """A run of stages, each `id hook artifact`; `plugin` and `package` follow where they matter."""
        text = json.dumps({"name": "p", **pipeline})
        started = f"2026-01-01 00:{minute:02}:00+00"
        self.insert("runs", [name, "p", status, started, 1.5, text, json.dumps({"python": "3.11"})])
        for place, stage in enumerate(stages):
            stage_id, hook, artifact, *more = stage.split(" ", 4)
            plugin, package = (*more, stage_id, "finery 0.1.0")[:2] if not more else (more[0], " ".join(more[1:]))
            self.insert("stages", [name, place, stage_id, hook, plugin, package, artifact, False, "first run", True])

    def artifact(
        self,
        name: str,
        stage: str,
        hook: str,
        inputs: Mapping[str | None, str],
        options: Mapping[str, Any] | None = None,
        **manifest: Any,
    ) -> None:
        """What a stage left; inputs by source, the model's under None."""
        options, text = json.dumps(options or {}), json.dumps(manifest)
        self.insert("artifacts", [name, stage, hook, stage, "finery 0.1.0", options, 2.0, text])
        self.insert("inputs", *([name, source, mark, source and f"{name}/{source}"] for source, mark in inputs.items()))

    def origins(self, artifact: str, source: str, numbers: Sequence[int]) -> None:
        """Records read from `source.jsonl`, each on the line of its number."""
        self.insert("origins", *([artifact, rec(n), source, f"{source}.jsonl", n] for n in numbers))

    def decide(self, artifact: str, number: int, reason: str, **more: Any) -> None:
        """One record's fate."""
        rest = [more.get(word) for word in ("value", "bound", "other", "detail")]
        self.insert("decisions", [artifact, rec(number), reason, *rest])

    def tally(self, artifact: str, source: str, kind: str = "fate", **counts: int) -> None:
        """Counts by name."""
        self.insert("tallies", *([artifact, source, kind, name, count] for name, count in counts.items()))

    @contextmanager
    def read(self, run: str | None = None) -> Iterator[tuple[duckdb.DuckDBPyConnection, Run]]:
        """A connection and a run; the last one by default."""
        self.write()
        with reading(self.root) as connection:
            yield connection, find_run(connection, run)


def as_sql(value: Any) -> Any:
    """A value as DuckDB's parameters take it."""
    return str(value) if isinstance(value, UUID) else value


def curated(ledger: Ledger) -> None:
    """A run that reads `a` and `b`, filters both, deduplicates `a`, cuts `a` in pieces, mixes and trains on all."""
    ledger.run(
        "20260101-000000-aaaa",
        [
            *("read-a read ra", "read-b read rb", "short filter f0", "exact dedupe d0", "cut format c0"),
            *("mix mix m0", "pretrain train t0", "test evaluate e0"),
        ],
    )
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.artifact("rb", "read-b", "read", {"b": "b"})
    ledger.artifact("f0", "short", "filter", {"a": "ra/a", "b": "rb/b"})
    ledger.artifact("d0", "exact", "dedupe", {"a": "f0/a"})
    ledger.artifact("c0", "cut", "format", {"a": "d0/a"})
    ledger.artifact("m0", "mix", "mix", {"a": "c0/a", "b": "f0/b"}, draw={"epochs": {"a": 1, "b": 2}})
    ledger.artifact("t0", "pretrain", "train", {"a": "m0/a", "b": "m0/b"}, model={"fingerprint": "feedbeef01"})
    ledger.artifact("e0", "test", "evaluate", {"a": "m0/a", "b": "m0/b", None: "t0"})
    ledger.origins("ra", "a", [1, 2, 3, 4])
    ledger.origins("rb", "b", [11, 12])
    ledger.decide("ra", 99, "not-json", detail="a.jsonl:5: no brace")
    ledger.decide("f0", 1, "few-words", value=3.0, bound=5.0, detail="also: ugly")
    ledger.decide("d0", 2, "duplicate", value=0.9, other=rec(3))
    ledger.insert("parents", ["c0", rec(31), rec(3)], ["c0", rec(32), rec(3)], ["c0", rec(41), rec(4)])
    ledger.decide("f0", 12, "error", detail="ValueError: no")
    ledger.insert("parents", ["m0", rec(111), rec(11)])
    steps = [(1, 31, 0, 8), (1, 31, 8, 2), (3, 31, 0, 8), (4, 31, 8, 2), (2, 11, 0, 10), (2, 111, 0, 10)]
    ledger.insert("steps", *(["t0", step, 0, rec(n), start, length] for step, n, start, length in steps))
    measures = json.dumps({"item": str(rec(32)), "source": "a", "nll": 1.25})
    ledger.insert("items", ["e0", str(rec(32)), "a", measures])
