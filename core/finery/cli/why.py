"""`finery why`: the story of one record, or the records that hold a piece of text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from finery.lineage.life import Life
    from finery.lineage.runs import Run
    from finery.lineage.search import Found
    from finery.lineage.why import Story


@click.command()
@click.argument("record")
@click.option("--run", "run_name", metavar="RUN", help="Which run; by default the last one.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def why(record: str, run_name: str | None, as_json: bool) -> None:
    """Tell where a record went and why.

    RECORD is its id, six or more hex digits that its id begins with, `file:line`, or a piece of its text.
    """
    from finery.cli.work import work_folder

    root = work_folder()
    run, story = by_id(root, run_name, record)
    if story is None:
        found = searched(root, run, record)
        if len(found.hits) != 1:
            show_hits(root, run, record, found, as_json)
            return
        story = of_record(root, run, found.hits[0].record)
    show_story(story, as_json)


def by_id(root: Path, run_name: str | None, name: str) -> tuple[Run, Story | None]:
    """The run, and the story of the record with that id, where it is one."""
    from finery.lineage.runs import find_run
    from finery.lineage.store import reading
    from finery.lineage.why import resolve, tell

    with reading(root) as connection:
        run = find_run(connection, run_name)
        record = resolve(connection, run, name)
        return run, tell(connection, run, record) if record else None


def of_record(root: Path, run: Run, record: UUID) -> Story:
    """The story of a record that was found."""
    from finery.lineage.store import reading
    from finery.lineage.why import tell

    with reading(root) as connection:
        return tell(connection, run, record)


def searched(root: Path, run: Run, snippet: str) -> Found:
    """The records that hold a snippet, or stand on a line. Raises UsageError where there are none."""
    from finery.cli.waiting import waiting
    from finery.errors import UsageError
    from finery.lineage.search import in_lineage, in_texts, together
    from finery.lineage.store import reading

    if not snippet.strip():
        raise UsageError.at("finery why", "there is nothing to look for", "give an id or a piece of text")
    with reading(root) as connection:
        parts = [in_lineage(connection, run, snippet)]
    with waiting("search"):
        found = together([*parts, in_texts(root, run, snippet)])
    if not found.hits:
        remedy = "upper and lower case count; text is searched as it was read"
        raise UsageError.at(f"'{snippet}'", f"neither begins an id nor stands in a record of run {run.id}", remedy)
    return found


def show_hits(root: Path, run: Run, snippet: str, found: Found, as_json: bool) -> None:
    """Print the records that were found, each with its fate."""
    from finery.cli.render import emit, emit_json
    from finery.lineage.store import reading
    from finery.lineage.why import lives

    with reading(root) as connection:
        known = lives(connection, run, [hit.record for hit in found.hits])
    rows = [hit_row(life, hit.excerpt) for life, hit in zip(known, found.hits, strict=True)]
    if as_json:
        emit_json({"run": run.id, "snippet": snippet, "total": found.total, "hits": rows})
        return
    emit([{**row, "place": place(row)} for row in rows], ["record", "source", "place", "fate", "excerpt"], False)
    more = f"; the first {len(rows)} of {found.total:,} are shown" if found.total > len(rows) else ""
    click.echo(f"\n{found.total:,} records of run {run.id} hold it{more}. Ask for one: finery why {rows[0]['record']}")


def hit_row(life: Life, excerpt: str) -> dict[str, Any]:
    """One record that was found."""
    own = {name: getattr(life, name) for name in ("record", "source", "file", "line")}
    return {**own, "fate": ending(life), "excerpt": excerpt}


def ending(life: Life) -> str:
    """How a record ended, in a few words."""
    last = life.last
    if last is None:
        return "kept"
    if last.fate == "waiting":
        return f"waits for {last.stage}"
    return f"{last.fate} by {last.stage}{f': {last.reason}' if last.reason else ''}"


def show_story(story: Story, as_json: bool) -> None:
    """Print a story."""
    from finery.cli.render import Branch, emit_json, tree

    if as_json:
        emit_json(asdict(story))
        return
    for life in story.ancestors:
        tree(grown(Branch(f"{life.record}  {whence(life)}"), life, ()))
    head = f"{story.life.record}  {whence(story.life)}  (run {story.run})"
    tree(grown(Branch(head), story.life, story.descendants))
    if story.descendants_total > len(story.descendants):
        click.echo(f"{story.descendants_total:,} records came of it; {len(story.descendants)} are shown")


def whence(life: Life) -> str:
    """Where a record comes from."""
    if life.born:
        return f"{life.source}, born by {life.born}"
    return f"{life.source}, {place({'file': life.file, 'line': life.line})}" if life.file else str(life.source)


def grown(branch: Any, life: Life, younger: Sequence[Life]) -> Any:
    """A branch with a line an event below it; children hang where they were born."""
    from finery.cli.words import sentence

    for event in life.events:
        line = branch.add(f"{event.stage}: {sentence(event)}")
        for kin in event.stands_for:
            line.add(f"{kin.record}  {place(vars(kin))}")
        for child in younger:
            if life.record in child.parents and child.born == event.stage:
                grown(line.add(f"{child.record}"), child, younger)
    return branch


def place(row: Any) -> str:
    """`file:line` of a record that was read."""
    return f"{row['file']}:{row['line']}" if row.get("file") else ""
