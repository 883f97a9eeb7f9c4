"""Plugins that share, keep and gather, for the end-to-end tests; a copy lies beside each pipeline that uses them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, Memo, Tally, hookimpl, plugin

CALLS = Path(__file__).with_name("calls.txt")


def lengths(batch: Batch, memo: Memo) -> pa.Array:
    """The length of each text, and a line in a file for each time it is worked out."""

    def make() -> pa.Array:
        with CALLS.open("a") as file:
            file.write(f"{len(batch)}\n")
        return pc.utf8_length(batch["text"]).combine_chunks()

    return memo("text", "lengths", make)


@plugin
class Longer:
    """Drop texts of few characters."""

    minimum: int = 3
    """Fewest characters."""

    @hookimpl
    def filter(self, batch: Batch, memo: Memo) -> pa.Array:
        """`short`."""
        return pc.if_else(pc.less(lengths(batch, memo), self.minimum), "short", pa.scalar(None, pa.string()))


@plugin
class Length:
    """Keep the length."""

    @hookimpl
    def score(self, batch: Batch, memo: Memo) -> dict[str, pa.Array]:
        """`length`."""
        return {"length": lengths(batch, memo)}


@plugin
class Sessions:
    """Join the turns of a session, in the order of their time."""

    fail: str = ""
    """The session that raises."""

    @hookimpl
    def gather(self, batch: Batch) -> pa.Array:
        """The session; a turn of none stands alone."""
        if "unreadable" in batch["session"].to_pylist():
            raise ValueError("no session can be told")
        return batch["session"]

    @hookimpl
    def format(self, batch: Batch, tally: Tally) -> Batch:
        """A record a session, with its turns as parents."""
        found: dict[str, list[dict[str, object]]] = {}
        for row in batch.select(["id", "session", "at", "text"]).to_pylist():
            found.setdefault(row["session"] or str(row["id"]), []).append(row)
        if self.fail in found:
            raise ValueError(f"cannot join {self.fail}")
        tally["sessions"] += len(found)
        rows = [sorted(turns, key=lambda row: str(row["at"])) for turns in found.values()]
        return pa.table(
            {
                "text": pa.array([" / ".join(str(row["text"]) for row in turns) for turns in rows], pa.large_string()),
                "turns": pa.array([len(turns) for turns in rows], pa.int64()),
                "parent": pa.array([[row["id"].bytes for row in turns] for turns in rows], pa.list_(pa.binary(16))),
            }
        )


@plugin
class Careful:
    """Write texts backwards, and pay for each only once."""

    fail: bool = False
    """Whether to stop after the first half."""

    @hookimpl
    def format(self, batch: Batch, out: Path) -> Batch:
        """The same records."""
        made = [self.answer(text, out) for text in batch["text"].to_pylist()]
        return batch.set_column(batch.column_names.index("text"), "text", pa.array(made, pa.large_string()))

    def answer(self, text: str, out: Path) -> str:
        """The text backwards, from the folder where it is there."""
        kept = out / f"{text}.txt"
        if not kept.exists():
            if self.fail and text > "m":
                raise KeyboardInterrupt
            with CALLS.open("a") as file:
                file.write(f"{text}\n")
            kept.write_text(text[::-1])
        return kept.read_text()
