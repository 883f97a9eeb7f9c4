"""What this machine's own runs took, out of the lineage of a work folder.

A run keeps what was forecast of it: `forecasts` in `runs/<run>.json`, and a row a measure in the table `forecasts`
(`run, stage, artifact, machine, measure, value`). What happened stands beside it: `artifacts.seconds`, and the metrics
`train_seconds`, `peak_bytes`, `tokens_per_second` and `records_per_second` of the stage. `compared` joins the two, for
plans that come later and for reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.errors import WorkError
from finery.forecast.calibration import Past
from finery.forecast.effort import Effort
from finery.forecast.hardware import machine
from finery.lineage.store import database, reading

COMPARED = """
with told as (pivot (
    select run, stage, artifact, machine, measure, value from forecasts) on measure in (
        'seconds', 'peak_bytes', 'reckoned_bytes', 'flop', 'moved', 'calls', 'steps', 'compute_bytes')
    using any_value(value) group by run, stage, artifact, machine),
took as (
    select artifact, any_value(value) filter (name = 'train_seconds') as train_seconds,
        any_value(value) filter (name = 'peak_bytes') as measured_bytes
    from metrics where name in ('train_seconds', 'peak_bytes') group by artifact),
walked as (select artifact, max(step) as walked from steps group by artifact)
select t.*, k.train_seconds, k.measured_bytes, w.walked, a.seconds as took_seconds
from told t join stages s using (run, stage) join artifacts a on a.artifact = t.artifact
left join took k on k.artifact = t.artifact left join walked w on w.artifact = t.artifact
where not s.reused and s.done order by t.run, s.position
"""

SPEEDS = """
select a.hook, a.plugin, sum(t.count) / sum(a.seconds) as speed, count(distinct a.artifact) as runs
from artifacts a join (
    select artifact, sum(count) as count from tallies where kind = 'fate' and name = 'in' group by artifact) t
using (artifact) where a.seconds > 0.05 and t.count > 0 group by all
"""


@dataclass(frozen=True)
class History:
    """What is known of past stages."""

    rows: tuple[dict[str, Any], ...] = ()
    """What was forecast of each stage that ran, and what it took."""
    speeds: dict[tuple[str, str], float] | None = None
    """Records a second of each kind of stage, by hook and plugin."""

    def past(self, compute_bytes: int) -> list[Past]:
        """The trainings of this machine in so many bytes a number."""
        return [
            Past(
                Effort(row["flop"], row["moved"], row["calls"]),
                row["train_seconds"] / row["walked"],
                row["measured_bytes"],
                row["reckoned_bytes"] or 0.0,
                max(row["took_seconds"] - row["train_seconds"], 0.0),
            )
            for row in self.rows
            if row["machine"] == machine()
            and row["train_seconds"]
            and row["walked"]
            and row["flop"]
            and row["compute_bytes"] == compute_bytes
        ]


def history(root: Path) -> History:
    """What a work folder's lineage says; nothing where there is none, or another process has it."""
    if not database(root).exists():
        return History()
    from finery.lineage.runs import rows

    try:
        with reading(root) as connection:
            found = tuple(rows(connection, COMPARED))
            speeds = {(row["hook"], row["plugin"]): float(row["speed"]) for row in rows(connection, SPEEDS)}
    except WorkError:
        return History()
    return History(found, speeds)
