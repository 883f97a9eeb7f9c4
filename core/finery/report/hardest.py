"""The records that cost a training most: broken text, wrong labels and hard cases stand here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from finery.lineage.facts import origins
from finery.lineage.runs import Run, rows
from finery.report.dropped import place
from finery.report.parts import Sample, Samples, Section
from finery.report.texts import texts

if TYPE_CHECKING:
    import duckdb

SHOWN = 10
"""Records a training."""

HARDEST = """
with last as (select s.stage, s.position, l.*, max(l.epoch) over (partition by l.artifact) as final
    from stages s join losses l using (artifact) where s.run = $run and isfinite(l.loss) and l.tokens > 0)
select position, stage, record, epoch, loss, tokens from last where epoch = final
qualify row_number() over (partition by stage order by loss desc, record) <= $shown order by position, loss desc, record
"""


def hardest(connection: duckdb.DuckDBPyConnection, root: Path, run: Run) -> Section:
    """The section: some records a training, by their loss in its last epoch."""
    found = rows(connection, HARDEST, {"run": run.id, "shown": SHOWN})
    records = [row["record"] for row in found]
    places, said = origins(connection, run, records), texts(connection, root, run, records)
    parts = [
        Samples(f"{stage}: the highest losses", [sample(r, places, said) for r in found if r["stage"] == stage])
        for stage in dict.fromkeys(row["stage"] for row in found)
    ]
    told = "In the last epoch that saw the record; nats a token where a model learns to write."
    return Section("hardest", "Worst records by loss", parts, told)


def sample(row: dict[str, Any], places: dict[Any, dict[str, Any]], said: dict[Any, str]) -> Sample:
    """One record with its loss."""
    head = [
        f"loss {row['loss']:.3f} over {row['tokens']:,} tokens",
        place(places.get(row["record"])),
        str(row["record"]),
    ]
    return Sample(", ".join(filter(None, head)), {"text": said.get(row["record"], "its text is not there any more")})
