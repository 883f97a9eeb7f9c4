"""`finery search`: the records of a run that hold some words, a phrase, or runs of words of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import duckdb

    from finery.lineage.runs import Run, RunStage
    from finery.search.found import Found

COLUMNS = ["record", "source", "place", "score", "excerpt"]


@click.command()
@click.argument("text")
@click.option("--stage", metavar="STAGE", help="As they stand after this stage, or as this train stage saw them.")
@click.option("--run", metavar="RUN", help="Which run; by default the last one.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Records of this source alone; repeatable.")
@click.option("--phrase", is_flag=True, help="The words must follow each other.")
@click.option("--ngram", type=click.IntRange(min=1), metavar="N", help="Records that share runs of N words with TEXT.")
@click.option("--most", type=click.IntRange(min=1, max=10_000), default=10, show_default=True, help="Records shown.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the whole text of each record.")
def search(
    text: str,
    stage: str | None,
    run: str | None,
    sources: tuple[str, ...],
    phrase: bool,
    ngram: int | None,
    most: int,
    as_json: bool,
) -> None:
    """Search the training records of a run.

    By default those that the last train stage saw, or that stand after the last stage where none trains; ranked by
    BM25 over the words of TEXT. Upper and lower case are one, and so is punctuation; in Chinese, Japanese, Thai and
    other scripts without spaces each character is a word. The index is built once for what the records hold. With
    --ngram the score is the share of TEXT's runs that a record has.
    """
    from finery.cli.work import work_folder
    from finery.errors import UsageError
    from finery.lineage.store import reading
    from finery.lineage.view import dataset_after
    from finery.search.index import Lookup

    if phrase and ngram:
        raise UsageError.at("finery search", "--phrase and --ngram exclude each other", "give one of them")
    root = work_folder()
    with reading(root) as connection:
        found, seen = searched(connection, run, stage)
    dataset = dataset_after(root, found, seen)
    check(sources, dataset.sources)
    # All sources are in one index, which the run's evaluations may have built already.
    sources = sources or (seen.sources if seen.hook == "train" else ())
    lookup = Lookup(dataset, root, "finery search")
    if phrase:
        hits = lookup.phrase(text, most, sources=sources)
    elif ngram:
        hits = lookup.runs(text, ngram, most, sources)
    else:
        hits = lookup.about(text, most, sources)
    show(root, found, seen, hits, as_json)


def searched(connection: duckdb.DuckDBPyConnection, run: str | None, stage: str | None) -> tuple[Run, RunStage]:
    """The run and the stage whose records are meant. Raises UsageError."""
    from finery.errors import UsageError
    from finery.lineage.runs import find_run

    found = find_run(connection, run)
    done = [one for one in found.stages if one.finished and one.hook != "evaluate"]
    trained = [one for one in done if one.hook == "train"]
    last = next(reversed(trained or done), None)
    meant = found.stage(stage) if stage else last
    if meant is None or meant not in done:
        fault = f"stage '{meant.id}' is not finished, or evaluates" if meant else "no stage is finished"
        raise UsageError.at(f"run {found.id}", fault, f"name one of {', '.join(one.id for one in done) or 'none'}")
    return found, meant


def check(sources: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raise UsageError for a source that the stage did not see."""
    from finery.errors import UsageError, did_you_mean

    for name in sources:
        if name not in known:
            raise UsageError.at("--source", f"no source '{name}'{did_you_mean(name, known)}", ", ".join(known))


def show(root: Any, run: Run, stage: RunStage, found: Found, as_json: bool) -> None:
    """Print the records, each with where it comes from."""
    from uuid import UUID

    from finery.cli.render import emit, emit_json
    from finery.cli.why import place
    from finery.lineage.store import reading
    from finery.lineage.why import lives

    with reading(root) as connection:
        known = lives(connection, run, [UUID(hit.record) for hit in found.hits])
    rows = [
        {
            **{"record": hit.record, "source": hit.source, "file": life.file, "line": life.line},
            **{"score": round(hit.score, 3), "excerpt": hit.excerpt, "born": life.born},
        }
        for hit, life in zip(found.hits, known, strict=True)
    ]
    if as_json:
        texts = [{**row, "text": hit.text} for row, hit in zip(rows, found.hits, strict=True)]
        emit_json({"run": run.id, "stage": stage.id, "total": found.total, "hits": texts})
        return
    if rows:
        emit([{**row, "place": place(row) or f"born by {row['born']}"} for row in rows], COLUMNS, False)
        click.echo()
    shown = f"; the first {len(rows)} are shown" if len(rows) < found.total else ""
    click.echo(f"{found.total:,} records of run {run.id} at '{stage.id}' hold it{shown}")
