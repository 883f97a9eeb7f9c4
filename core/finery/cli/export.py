"""`finery export`: records as ordinary files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import duckdb

    from finery.lineage.runs import Run, RunStage


@click.command()
@click.argument("what", metavar="[RUN|STAGE]", default="last")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")
@click.option("--format", "kind", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True)
@click.option("--openlineage", is_flag=True, help="RUN's OpenLineage events in place of records, into a new file.")
@click.option("--run", metavar="RUN", help="The run that STAGE belongs to; by default the last one.")
@click.option("--json", "as_json", is_flag=True, help="The listing as JSON.")
def export(what: str, folder: Path, kind: str, openlineage: bool, run: str | None, as_json: bool) -> None:
    """Write the records as they stand after a stage, one folder a source.

    By default after the last stage of RUN that leaves records; RUN is the last run where it is not given.
    """
    from finery.cli.render import emit
    from finery.cli.waiting import waiting
    from finery.cli.work import work_folder
    from finery.data.export import write
    from finery.lineage.store import reading
    from finery.lineage.view import dataset_after

    root = work_folder()
    if openlineage:
        export_run(root, what, folder)
        return
    with reading(root) as connection:
        found, stage = meant(connection, what, run)
    with waiting("export") as tell:
        rows = write(dataset_after(root, found, stage), folder, kind, tell)
    emit(rows, ["source", "records", "files", "folder"], as_json)
    if not as_json:
        click.echo(f"\nas they stand after '{stage.id}' of run {found.id}")


def export_run(root: Path, name: str, place: Path) -> None:
    """Write the events of a run."""
    from finery.cli.catalogue import export_events
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading

    with reading(root) as connection:
        found = find_run(connection, name)
        count = export_events(connection, root, found, place)
    click.echo(f"{count} events of run {found.id} lie in {place}")


def meant(connection: duckdb.DuckDBPyConnection, what: str, run: str | None) -> tuple[Run, RunStage]:
    """The run and the stage that a name means. Raises UsageError."""
    from finery.errors import UsageError
    from finery.lineage.runs import find_run, is_run, run_ids

    whole = run is None and is_run(what, run_ids(connection))
    found = find_run(connection, what if whole else run)
    stages = [stage for stage in found.data_stages() if stage.finished]
    last = stages[-1] if stages else None
    stage = last if whole or what == "last" else found.stage(what)
    if stage is None or stage not in stages:
        fault = f"'{stage.id}' left no records, or is not finished" if stage else "no stage is finished"
        names = ", ".join(s.id for s in stages) or "none"
        raise UsageError.at(f"run {found.id}", fault, f"stages that left records: {names}")
    return found, stage
