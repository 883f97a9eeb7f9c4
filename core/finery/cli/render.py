"""Tables, trees and JSON on standard output: for people on a terminal, plain and greppable in a pipe."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any

import click

NARROWEST, WIDEST = 60, 200
"""Columns of text that output is laid out for, however small or large the terminal."""

GAP = 2
"""Blanks between columns."""

LONGEST_NAME = 36
"""Characters of a record's id."""


@dataclass
class Branch:
    """A line of a tree, and what hangs below it."""

    label: str
    branches: list[Branch] = field(default_factory=list)

    def add(self, label: str) -> Branch:
        """A new branch below this one."""
        self.branches.append(Branch(label))
        return self.branches[-1]


def emit(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print rows: as a JSON list of all their keys, or as a table of some columns."""
    if as_json:
        emit_json(list(rows))
    else:
        table(rows, columns)


def emit_json(value: Any) -> None:
    """Print a value as JSON; ids and times as text, numbers that JSON lacks as null."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a table: a heading, then a line a row; columns in which all is numbers stand to the right.

    Where it cannot be had without tearing names apart, a row is several lines, so that nothing of it is cut off.
    """
    found = list(rows)
    numeric = [bool(found) and all(is_number(row.get(name)) for row in found) for name in columns]
    cells = [[text(row.get(name)) for name in columns] for row in found]
    wide = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    if sum(wide) + GAP * (len(wide) - 1) <= width() and all(map(str.isascii, chain(columns, *cells))):
        click.echo(laid_out([list(columns), *cells], wide, numeric), color=is_terminal())
    elif least_width(columns, cells) > width():
        stacked(columns, cells)
    else:
        folded_table(columns, cells, numeric)


def laid_out(lines: Sequence[Sequence[str]], wide: Sequence[int], numeric: Sequence[bool]) -> str:
    """Lines of cells in columns, the first line a heading; rich takes half of a light verb's time for the same."""
    marks = [">" if right else "<" for right in numeric]
    rows = [[f"{cell:{mark}{size}}" for cell, mark, size in zip(line, marks, wide, strict=True)] for line in lines]
    made = [(" " * GAP).join(row).rstrip() for row in rows]
    if is_terminal():
        made[0:1] = [click.style(made[0], bold=True), "─" * (sum(wide) + GAP * (len(wide) - 1))]
    return "\n".join(made)


def least_width(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """How wide a table must be so that no name or number in it is torn apart."""
    words = (
        [w for one in column for w in ([one] if is_whole(one) else one.split(" "))]
        for column in zip(columns, *cells, strict=True)
    )
    return sum(max(map(len, column)) + GAP for column in words) - GAP


def stacked(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print a tree a row: its first cell, then the others with their names."""
    for first, *rest in cells:
        tree(Branch(first, [Branch(f"{name}: {told}") for name, told in zip(columns[1:], rest, strict=True) if told]))


def folded_table(columns: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    """The same by rich, which folds what does not fit and knows how wide other scripts are."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    look = box.SIMPLE_HEAD if is_terminal() else None
    made = Table(box=look, pad_edge=False, padding=(0, 1 if look else 2, 0, 0), show_edge=False)
    for number, name in enumerate(columns):
        whole = all(is_whole(line[number]) for line in cells)
        made.add_column(name, justify="right" if numeric[number] else "left", overflow="fold", no_wrap=whole)
    for line in cells:
        made.add_row(*map(Text, line))
    print_rich(made)


def print_rich(thing: Any) -> None:
    """Print something of rich's, without the blanks that it fills lines up with."""
    from rich.console import Console

    console = Console(width=width(), highlight=False, force_terminal=is_terminal())
    with console.capture() as captured:
        console.print(thing)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    click.echo("\n".join(lines), color=is_terminal())


def text(value: Any) -> str:
    """A value on one line: numbers with separators for thousands, floats to four digits, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(text(part) for part in value)
    return one_line(str(value))


def number(value: float) -> str:
    """A float to four digits, whole numbers without a point: 0.1235, 12.35, 1,235,000."""
    if math.isfinite(value) and (value == int(value) or abs(value) >= 1000) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def one_line(value: str) -> str:
    """Text without line breaks or anything that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in value)


def is_whole(value: str) -> bool:
    """Whether a cell is a name, such as an id, that must not be torn apart where room is short."""
    return len(value) <= LONGEST_NAME and " " not in value


def is_number(value: Any) -> bool:
    """Whether a cell stands to the right."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def tree(root: Branch) -> None:
    """Print a tree: drawn lines on a terminal, indentation in a pipe."""
    if is_terminal():
        print_rich(drawn(root))
    else:
        click.echo("\n".join(indented(root, 0)))


def drawn(root: Branch) -> Any:
    """A tree as rich draws it."""
    from rich.text import Text
    from rich.tree import Tree

    made = Tree(Text(one_line(root.label)))
    waiting = [(made, root)]
    while waiting:
        node, branch = waiting.pop()
        waiting += [(node.add(Text(one_line(below.label))), below) for below in branch.branches]
    return made


def indented(root: Branch, depth: int) -> Iterable[str]:
    """The lines of a tree, two blanks a level, folded at the width."""
    margin = "  " * depth
    yield from textwrap.wrap(
        one_line(root.label),
        max(width(), len(margin) + 20),
        initial_indent=margin,
        subsequent_indent=margin + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    for branch in root.branches:
        yield from indented(branch, depth + 1)


def is_terminal() -> bool:
    """Whether a person looks at it."""
    return sys.stdout.isatty()


def width() -> int:
    """How wide to lay out: the terminal, or `COLUMNS`, within bounds; in a pipe as wide as it may be."""
    wanted = shutil.get_terminal_size().columns if is_terminal() or "COLUMNS" in os.environ else WIDEST
    return min(max(wanted, NARROWEST), WIDEST)
