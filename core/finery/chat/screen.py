"""Answers on the screen: streamed as they come, two of them side by side, or as lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from finery.chat.speaker import Answer
from finery.cli.render import is_terminal, print_rich, width

REFRESH = 8
"""Times a second that answers side by side are drawn anew."""


def shown(text: str) -> str:
    """Text without anything that a terminal would obey; its lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text.replace("\t", "    "))


def figures(answer: Answer) -> str:
    """How long an answer took."""
    ending = {"length": ", cut at its length", "interrupted": ", interrupted"}.get(answer.finish, "")
    return f"{answer.tokens:,} tokens, {answer.speed:,.1f} tokens/s{ending}"


def streamed() -> Callable[[str], None]:
    """Writes what is new of an answer each time it is told more."""
    said = 0

    def write(text: str) -> None:
        nonlocal said
        safe = shown(text)
        sys.stdout.write(safe[said:])
        sys.stdout.flush()
        said = max(said, len(safe))

    return write


def finish(answer: Answer, write: Callable[[str], None]) -> None:
    """The rest of an answer, and on a terminal how long it took."""
    write(answer.text)
    click.echo()
    if is_terminal():
        click.secho(figures(answer), dim=True)


@contextmanager
def side_by_side(names: Sequence[str]) -> Iterator[Callable[[Sequence[str], Sequence[str]], None]]:
    """A table with a column a model, drawn anew with each call on a terminal, and once at the end elsewhere."""
    from rich.console import Console
    from rich.live import Live

    console = Console(width=width(), highlight=False, force_terminal=is_terminal())
    drawing = [columns(names, [""] * len(names), [""] * len(names))]
    if not is_terminal():
        yield lambda texts, notes: drawing.append(columns(names, texts, notes))
        print_rich(drawing[-1])
        return
    with Live(drawing[0], console=console, refresh_per_second=REFRESH, vertical_overflow="visible") as live:
        yield lambda texts, notes: live.update(columns(names, texts, notes))


def columns(names: Sequence[str], texts: Sequence[str], notes: Sequence[str]) -> Any:
    """What each model said, under its name; nothing in it is markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_footer=any(notes))
    for name, note in zip(names, notes, strict=True):
        made.add_column(Text(name, overflow="fold"), footer=Text(note, style="dim"), ratio=1, overflow="fold")
    made.add_row(*(Text(shown(text).strip("\n")) for text in texts))
    return made


def line(prompt: str, names: Sequence[str], answers: Sequence[Answer]) -> None:
    """One prompt and what each model answered, as a line of JSON."""
    said = [
        {
            "model": name,
            "text": answer.text,
            "tokens": answer.tokens,
            "seconds": round(answer.seconds, 3),
            "tokens_per_second": round(answer.speed, 1),
            "finish": answer.finish,
        }
        for name, answer in zip(names, answers, strict=True)
    ]
    click.echo(json.dumps({"prompt": prompt, "answers": said}, ensure_ascii=False))
