"""A preview on a page: texts with what is trained marked, the rows they are packed into, the pre-flight's numbers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import click

from finery.cli.render import emit, is_terminal, number, one_line, width
from finery.plan import Step
from finery.types import Piece, Preview, Shown

TRAINED, CUT, PLAIN = "^", "x", " "
"""What stands under a character in print: a loss is taken on it; it is beyond what fits."""

END = "⏎"
"""Stands for the end of a line where that is marked."""

ROWS_SHOWN, DOCUMENTS_SHOWN = 3, 6
"""Packed rows told of, and documents of each."""


class Letter(NamedTuple):
    """A character, its mark, and whether it is the template's."""

    text: str
    mark: str
    special: bool


class Line(NamedTuple):
    """A line of a text; one that begins a turn, or another row, shows it in the margin."""

    letters: Sequence[Letter]
    opens: bool


def page(step: Step, made: Preview, shown: Sequence[Shown], lines: int) -> None:
    """Print a preview."""
    stage = f"{step.stage.hook} '{step.stage.id}' ({step.stage.plugin})"
    click.echo(wrapped(f"{stage}, {made.context:,} tokens a row at most", ""))
    click.echo(legend())
    for one in shown:
        click.echo()
        say(one, lines)
    tell_packing(made, shown)
    tell_numbers(made)


def legend() -> str:
    """How marks are to be read."""
    if colours():
        return (
            click.style("trained", bold=True, underline=True, fg="green")
            + "  "
            + styled("beyond the row", CUT)
            + ("  " + click.style("template", dim=True) + f"  > new turn or row  {END} line end")
        )
    return f"{TRAINED} trained  {CUT} beyond the row  > new turn or row  {END} line end"


def colours() -> bool:
    """Whether to mark by colour rather than by signs below the text."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, mark: str, special: bool = False) -> str:
    """A text in the colours of a mark."""
    if mark == TRAINED:
        return click.style(text, fg="green", bold=None if special else True, underline=True)
    if mark == CUT:
        return click.style(text, fg="red", strikethrough=True)
    return click.style(text, dim=True) if special else text


def say(one: Shown, most: int) -> None:
    """Print one sequence."""
    head = wrapped(f"{one.record}  {one.source}  {one.name}", "")
    click.echo(click.style(head, bold=True) if colours() else head)
    if told := "; ".join(filter(None, (amounts(one.pieces), one.note))):
        click.echo(wrapped(told, ""))
    laid = list(folded(lines_of(plainer(one.pieces)), width() - 2))
    first, last = (laid, []) if not most or len(laid) <= most else (laid[: most - most // 3], laid[-(most // 3) :])
    say_lines(first)
    if left := len(laid) - len(first) - len(last):
        click.echo(f"  ... {many(left, 'line')} left out: --lines 0 shows all ...")
    say_lines(last)


def say_lines(lines: Iterable[Line]) -> None:
    """Print lines with their marks."""
    for line in lines:
        for row in printed(line):
            click.echo(row, color=colours())


def many(count: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def amounts(pieces: Sequence[Piece]) -> str:
    """How many tokens there are, and how many are trained; nothing for none."""
    tokens, trained = (sum(p.tokens for p in pieces if p.trained or every) for every in (True, False))
    fed = sum(piece.tokens for piece in pieces if piece.trained and not piece.cut)
    if not tokens or tokens == fed:
        return f"{tokens:,} tokens, all trained" if tokens else ""
    lost = f", {trained - fed:,} of these beyond the row" if trained > fed else ""
    return f"{tokens:,} tokens, {trained:,} trained{lost}"


def plainer(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Pieces without marks where all of them would have the same."""
    if all(piece.trained and not piece.cut for piece in pieces):
        return [replace(piece, trained=False) for piece in pieces]
    return pieces


def lines_of(pieces: Iterable[Piece]) -> Iterator[Line]:
    """The lines of a text, ends of lines kept as a sign where they are marked."""
    letters, opens = list[Letter](), False
    for piece in pieces:
        mark = CUT if piece.cut else TRAINED if piece.trained else PLAIN
        if piece.opens and not letters:
            opens = True
        elif piece.opens:
            yield Line(letters, opens)
            letters, opens = [], True
        for character in piece.text:
            if character == "\n":
                yield Line([*letters, Letter(END, mark, piece.special)] if mark != PLAIN else letters, opens)
                letters, opens = [], False
            else:
                letters.append(Letter(one_line(character), mark, piece.special))
    if letters or opens:
        yield Line(letters, opens)


def folded(lines: Iterable[Line], room: int) -> Iterator[Line]:
    """Lines of at most `room` columns, wide characters counted as two; broken behind a blank where there is one."""
    for line in lines:
        rest, opens = list(line.letters), line.opens
        while cells(rest) > room:
            end = breaking(rest, room)
            yield Line(rest[:end], opens)
            rest, opens = rest[end:], False
        yield Line(rest, opens)


def breaking(letters: Sequence[Letter], room: int) -> int:
    """How many letters stand on the first line: at least one."""
    columns, end, blank = 0, 0, 0
    for end, letter in enumerate(letters):
        columns += cells([letter])
        if columns > room:
            break
        blank = end + 1 if letter.text == " " else blank
    return max(1, blank if blank > end // 2 else end)


def cells(letters: Sequence[Letter]) -> int:
    """How many columns letters take on a terminal."""
    from rich.cells import cell_len

    return sum(cell_len(letter.text) for letter in letters)


def printed(line: Line) -> Iterator[str]:
    """A line in colours; or with a line of marks below where anything is marked."""
    margin = "> " if line.opens else "  "
    if colours():
        runs = itertools.groupby(line.letters, lambda letter: letter[1:])
        yield margin + "".join(styled("".join(letter.text for letter in run), *look) for look, run in runs)
        return
    yield (margin + "".join(letter.text for letter in line.letters)).rstrip()
    marks = "".join(letter.mark * cells([letter]) for letter in line.letters).rstrip()
    if marks:
        yield f"  {marks}"


def tell_packing(made: Preview, shown: Sequence[Shown]) -> None:
    """Print the rows that the records shown would stand in."""
    wanted = {one.record for one in shown}
    rows = [row for row in made.packed if wanted & {record for record, _ in row}][:ROWS_SHOWN]
    if not rows:
        return
    fed = sum(tokens for row in made.packed for _, tokens in row)
    share = fed / (len(made.packed) * made.context)
    rows_of = f"{many(len(made.packed), 'row')} of {made.context:,} tokens"
    click.echo("\n" + wrapped(f"packed: the sample fills {rows_of} by {share:.1%}", ""))
    for row in rows:
        told = [f"{record[:8]} {tokens:,}{'*' if record in wanted else ''}" for record, tokens in row]
        if len(told) > DOCUMENTS_SHOWN:
            told = [*told[:DOCUMENTS_SHOWN], f"{len(told) - DOCUMENTS_SHOWN} more"]
        size = f"{many(sum(tokens for _, tokens in row), 'token')} of {many(len(row), 'document')}"
        click.echo(wrapped(f"{size}: {', '.join(told)}"))


def wrapped(text: str, margin: str = "  ") -> str:
    """A text folded at the width."""
    import textwrap

    folding = textwrap.TextWrapper(width(), margin, f"{margin}  ", break_on_hyphens=False)
    return "\n".join(folding.wrap(one_line(text)))


def tell_numbers(made: Preview) -> None:
    """Print the pre-flight: its numbers, warnings and faults."""
    click.echo("\npre-flight of the sample")
    emit(list(measures(made)), ["measure", "all", *sources(made)], False)
    for note in made.notes:
        click.echo(wrapped(f"note: {note}"))
    for fault in made.faults:
        click.echo(wrapped(f"fault: {fault}"))
    if not made.faults:
        click.echo("  no fault: the stage would start")


def sources(made: Preview) -> list[str]:
    """The sources that something was measured of."""
    return list(dict.fromkeys(source for _, source, _ in split(made) if source))


def measures(made: Preview) -> Iterator[dict[str, str]]:
    """A row a measure: of all, and of each source."""
    found: dict[str, dict[str, str]] = {}
    for name, source, value in split(made):
        found.setdefault(name, {})[source or "all"] = said(name, value)
    for name, row in found.items():
        yield {"measure": name.replace("_", " "), **row}


def split(made: Preview) -> Iterator[tuple[str, str, float]]:
    """Measure, source and value of each metric."""
    for key, value in made.metrics.items():
        name, _, source = key.removeprefix("preflight/").partition("/")
        yield name, source, value


def said(name: str, value: float) -> str:
    """A value for a reader: shares as per cent."""
    return f"{value:.1%}" if name.endswith("_share") else number(float(value))


def plain(made: Preview, shown: Sequence[Shown]) -> dict[str, Any]:
    """A preview as plain values."""
    return {
        "context": made.context,
        "shown": [asdict(one) for one in shown],
        "packed": [[{"record": record, "tokens": tokens} for record, tokens in row] for row in made.packed],
        "metrics": dict(made.metrics),
        "notes": list(made.notes),
        "faults": [asdict(fault) for fault in made.faults],
    }
