"""A finished run as OpenLineage events in a file: what the observer of that name would have told of it, when it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from finery.lineage.runs import Run

STARTED = "START"


def export_events(connection: duckdb.DuckDBPyConnection, root: Path, run: Run, place: Path) -> int:
    """Write the events of a run, a line each, and say how many. Raises UsageError, MissingExtra or WorkError."""
    from finery.catalog import find, load
    from finery.errors import UsageError, WorkError
    from finery.lineage.replay import replay, times

    if place.exists():
        raise UsageError.at(place, "is there already", "name a new file with --to")
    if run.status == "running":
        raise UsageError.at(f"run {run.id}", "is not over, or was killed", "run it to its end: finery run")
    beside = place.with_name(f".{place.name}.partial")
    beside.unlink(missing_ok=True)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        replay(connection, root, run, [load(find("observe", "openlineage"))(path=str(beside))])
        when = {name: (early, late) for name, early, late in times(connection, root, run)}
        lines = [timed(json.loads(line), when) for line in beside.read_text(encoding="utf-8").splitlines()]
        beside.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        beside.replace(place)
    except OSError as error:
        raise WorkError.at(place, f"cannot be written ({error.strerror})", "name another file with --to") from None
    finally:
        beside.unlink(missing_ok=True)
    return len(lines)


def timed(event: dict[str, Any], when: dict[str | None, tuple[str, str]]) -> dict[str, Any]:
    """An event with the time of what it tells, in place of that of the telling."""
    over = event["run"].get("facets", {}).get("parent")
    stage = event["job"]["name"].removeprefix(f"{over['job']['name']}.") if over else None
    early, late = when[stage]
    return {**event, "eventTime": early if event["eventType"] == STARTED else late}
