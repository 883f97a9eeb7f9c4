"""Where the keys of a TOML text stand."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from finery.tomllines import key_lines, line_of

words = st.text("abcxyz_-09", min_size=1, max_size=5)
texts = st.text(st.sampled_from("ab=[]{}#,.'\" \\\n"), max_size=8)
scalars = st.one_of(st.integers(-9, 9), st.booleans(), texts)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
tables = st.lists(st.tuples(st.sampled_from(["source", "stage", "run"]), st.dictionaries(words, values, max_size=4)))


def written(value: Any) -> str:
    """A value as TOML, lists over several lines."""
    if isinstance(value, list):
        return "[ # a [comment]\n" + "".join(f"  {written(part)},\n" for part in value) + "]"
    return json.dumps(value).replace("\x7f", "")


@given(tables)
def test_every_key_stands_where_it_was_written(made: list[tuple[str, dict[str, Any]]]) -> None:
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    seen: dict[str, int] = {}
    for name, table in made:
        place = (name, seen.setdefault(name, 0))
        seen[name] += 1
        expected[place] = len(lines) + 1
        lines.append(f"[[{name}]] # {name} = 1")
        for key, value in table.items():
            expected[*place, key] = len(lines) + 1
            lines += f'"{key}" = {written(value)}'.split("\n")
    text = "\n".join(lines)
    tomllib.loads(text)
    assert key_lines(text) == expected


def test_dotted_keys_and_tables_inside_of_tables() -> None:
    text = 'a.b.c = 1\n[[stage]]\nmethod.lora.rank = 3\n[stage.more]\nx = """\ny = 1\n"""\nz = 2\n'
    assert key_lines(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("stage", 0): 2,
        ("stage", 0, "method"): 3,
        ("stage", 0, "method", "lora"): 3,
        ("stage", 0, "method", "lora", "rank"): 3,
        ("stage", 0, "more"): 4,
        ("stage", 0, "more", "x"): 5,
        ("stage", 0, "more", "z"): 8,
    }


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    lines = key_lines('[[stage]]\nfilter = "length"\n')
    assert line_of(lines, ("stage", 0, "min_words")) == 1
    assert line_of(lines, ("source", 0)) is None
