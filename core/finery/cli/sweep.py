"""`finery sweep`: what each threshold of a filter would keep, without running again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.sweep.counts import Counted, Sample
    from finery.sweep.grid import Grid

REASONS = 3
"""Reasons that a line of the table has room for."""

TOGETHER = "all"
"""What the lines of all sources are called."""


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[FILE] STAGE.OPTION=A,B,C...")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--samples", type=click.IntRange(min=0), default=0, help="Show so many records that change their fate.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def sweep(words: tuple[str, ...], settings: tuple[str, ...], samples: int, as_json: bool) -> None:
    """Show what each value of a filter's options would keep, by source.

    The filter is asked again about the records as they stand before it in the work folder; nothing else runs, and
    nothing is written. Several options make a grid. FILE is pipeline.toml where it is not given.
    """
    from finery.cli.render import emit_json
    from finery.cli.waiting import waiting
    from finery.cli.work import plugins_beside, work_folder
    from finery.sweep.counting import count
    from finery.sweep.grid import make_grid

    file, asked = apart(words)
    plugins_beside(file)
    grid = make_grid(file, asked, settings, work_folder(file))
    with waiting("sweep") as tell:
        counted = count(grid, samples, tell)
    if as_json:
        emit_json(plain(grid, counted))
    else:
        show(grid, counted)


def apart(words: Sequence[str]) -> tuple[Path, list[str]]:
    """The pipeline file and the options. Raises UsageError where there are no options."""
    from finery.errors import UsageError

    named = "=" not in words[0]
    if named and len(words) == 1:
        raise UsageError.at("finery sweep", "names no option", "finery sweep FILE stage.option=a,b,c")
    return Path(words[0] if named else "pipeline.toml"), list(words[1:] if named else words)


def show(grid: Grid, counted: Counted) -> None:
    """Print the table, and the samples where there are any."""
    from finery.cli.render import emit

    options = [axis.option for axis in grid.axes]
    rows = list(lines(grid, counted))
    amounts = [name for name in ("characters", "tokens") if any(name in row for row in rows)]
    click.echo(f"{grid.stage}: what would stay of the {grid.dataset.records:,} records before it\n")
    emit(rows, [*options, "", "source", "kept", "kept %", "change", *amounts, "why the others go"], False)
    for pair, change in counted.changes.items():
        if change.samples:
            show_samples(grid, pair, change.gained, change.lost, change.samples)


def lines(grid: Grid, counted: Counted) -> list[dict[str, Any]]:
    """A line a point and source, and one for all sources where there are several; the first has the values."""
    rows: list[dict[str, Any]] = []
    last: dict[str, int] = {}
    for point, counts in zip(grid.points, counted.counts, strict=True):
        if point.values[-1] == grid.axes[-1].values[0]:
            last = {}
        head = dict(zip((axis.option for axis in grid.axes), map(shown, point.values), strict=True))
        head[""] = "now" if point.now else ""
        for source, count in together(counts).items():
            row = {**head, "source": source, "kept": count.kept, "kept %": share(count.kept, count.records)}
            row |= {name: round(kept) for name, (_, kept) in count.amounts.items()}
            rows.append(
                {**row, "change": change(count.kept, last.get(source)), "why the others go": why(count.reasons)}
            )
            last[source], head = count.kept, {}
    return rows


def together(counts: dict[str, Any]) -> dict[str, Any]:
    """The counts by source, with those of all where there are several."""
    from finery.sweep.counts import Count

    if len(counts) == 1:
        return counts
    whole = Count()
    for count in counts.values():
        whole.add(count)
    return {**counts, TOGETHER: whole}


def share(part: float, whole: float) -> float:
    """Percent, to a digit behind the point."""
    return round(100 * part / whole, 1) if whole else 0.0


def change(kept: int, last: int | None) -> str:
    """How many more records than at the point before."""
    return "" if last is None else f"{kept - last:+,}"


def shown(value: Any) -> str:
    """An option's value as the file has it."""
    from finery.tomltext import as_toml

    return as_toml(value)


def why(reasons: Any) -> str:
    """The most frequent reasons with their counts."""
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    more = f", {len(most) - REASONS} more" if len(most) > REASONS else ""
    return ", ".join(f"{code} {count:,}" for code, count in most[:REASONS]) + more


def show_samples(grid: Grid, pair: tuple[int, int], gained: int, lost: int, samples: Sequence[Sample]) -> None:
    """Print records that one of two points keeps and the other does not."""
    from finery.cli.render import emit
    from finery.sweep.samples import texts

    first, second = (", ".join(map(shown, grid.points[number].values)) for number in pair)
    click.echo(f"\nfrom {first} to {second}: {lost:,} go, {gained:,} come")
    rows = [
        {
            "record": sample.record[:8],
            "source": sample.source,
            "fate": "comes" if sample.kept else "goes",
            "reason": sample.reason + ("" if sample.value is None else f" {sample.value:.4g}"),
            "text": text[:120],
        }
        for sample, text in zip(samples, texts(grid, samples), strict=True)
    ]
    emit(rows, ["record", "source", "fate", "reason", "text"], False)


def plain(grid: Grid, counted: Counted) -> dict[str, Any]:
    """All of it as plain values."""
    points = [
        {
            "values": dict(zip((axis.option for axis in grid.axes), point.values, strict=True)),
            "now": point.now,
            "sources": {source: counts_of(count) for source, count in together(counts).items()},
        }
        for point, counts in zip(grid.points, counted.counts, strict=True)
    ]
    return {
        "stage": grid.stage,
        "records": grid.dataset.records,
        "points": points,
        "changes": [change_of(grid, pair, each) for pair, each in counted.changes.items()],
    }


def counts_of(count: Any) -> dict[str, Any]:
    """One count as plain values."""
    amounts = {name: {"all": whole, "kept": kept} for name, (whole, kept) in count.amounts.items()}
    share_kept = count.kept / count.records if count.records else None
    reasons = dict(sorted(count.reasons.items(), key=lambda item: (-item[1], item[0])))
    return {"records": count.records, "kept": count.kept, "share": share_kept, **amounts, "reasons": reasons}


def change_of(grid: Grid, pair: tuple[int, int], change: Any) -> dict[str, Any]:
    """One change as plain values."""
    from finery.sweep.samples import texts

    named = ("record", "source", "kept", "reason", "value", "bound")
    rows = [
        {**{name: getattr(sample, name) for name in named}, "text": text}
        for sample, text in zip(change.samples, texts(grid, change.samples), strict=True)
    ]
    first, second = (list(grid.points[number].values) for number in pair)
    return {"from": first, "to": second, "gained": change.gained, "lost": change.lost, "samples": rows}
