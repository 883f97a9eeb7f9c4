"""Why answers are wrong: some cases of each cause, what speaks for it, and the training records nearest to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from finery.lineage.runs import Rows, Run, rows
from finery.report.parts import Sample, Samples, Table

if TYPE_CHECKING:
    import duckdb

CASES_SHOWN = 3
"""Items of a cause."""

EXPLAINED = """
with told as (
    select s.position, s.stage, i.item, i.source, i.measures, (i.measures->>'$.details')::json as details
    from stages s join items i using (artifact)
    where s.run = $run and s.hook = 'evaluate' and i.measures->>'$.details' is not null),
named as (
    select *, details->>'$.cause' as cause, count(*) over (partition by stage, details->>'$.cause') as alike
    from told where details->>'$.cause' is not null)
select stage, item, source, cause, alike, details, measures->>'$.prompt' as prompt,
    measures->>'$.target' as target, measures->>'$.answer' as answer
from named qualify row_number() over (partition by stage, cause order by item) <= $shown
order by position, alike desc, cause, item
"""


def explained(connection: duckdb.DuckDBPyConnection, run: Run) -> Iterator[Table | Samples]:
    """For each stage that names causes: how often each, and some of its cases."""
    found = rows(connection, EXPLAINED, {"run": run.id, "shown": CASES_SHOWN})
    for stage in dict.fromkeys(row["stage"] for row in found):
        own = [row for row in found if row["stage"] == stage]
        causes = {row["cause"]: row["alike"] for row in own}
        yield Table(f"{stage}: why answers are wrong", ["cause", "answers"], [list(pair) for pair in causes.items()])
        for cause, count in causes.items():
            yield cases(stage, cause, count, [row for row in own if row["cause"] == cause])


def cases(stage: str, cause: str, count: int, own: Rows) -> Samples:
    """Some items of one cause."""
    more = f"{len(own)} of {count:,}" if count > len(own) else str(count)
    return Samples(f"{stage}: {cause}, {more}", [case(row) for row in own])


def case(row: Mapping[str, Any]) -> Sample:
    """One wrong answer: what was asked, why it is wrong, and what of the training is near."""
    details = json.loads(row["details"])
    nearest = [f"{hit['record']} ({hit['source']}): {hit['excerpt']}" for hit in details.get("nearest", ())]
    said = {
        "prompt": row["prompt"],
        "right would be": row["target"],
        "answer": row["answer"],
        "why": "\n".join(f"{label['label']}: {label['why']}" for label in details.get("labels", ())),
        "nearest in training": "\n".join(nearest),
    }
    return Sample(
        ", ".join(filter(None, [row["source"], row["item"]])), {name: text for name, text in said.items() if text}
    )
