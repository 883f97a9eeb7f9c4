"""On which line a key stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_registry.lines import line_of

TEXT = """# an entry
name = "acme"
words = [
    "one",  # a comment
    "two",
]

[[release]]
version = "1"

# the second
[[release]]
version = "2"
api = 1
[release.checked]
on = "today"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["name"], 2),
        (["words"], 3),
        (["words", 1], 3),
        (["release", 0], 8),
        (["release", 0, "version"], 9),
        (["release", 1], 12),
        (["release", 1, "version"], 13),
        (["release", 1, "checked", "on"], 16),
        (["release", 1, "missing"], 12),
        (["release", 7], 8),
        (["nothing"], None),
        ([], None),
    ],
)
def test_a_key_is_found_or_the_table_around_it(path: list[str | int], line: int | None) -> None:
    assert line_of(TEXT, path) == line


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["1", '"a"', "[\n1,\n\n2\n]", '"""\n#\n[x]\n"""'])), max_size=12
    )
)
def test_every_key_of_any_layout_is_found_where_it_was_written(keys: list[tuple[int, str]]) -> None:
    text, wanted = "", {}
    for number, (blank, value) in enumerate(keys):
        text += "\n# x\n" * blank
        wanted[f"k{number}"] = text.count("\n") + 1
        text += f"k{number} = {value}\n"
    assert {key: line_of(text, [key]) for key in wanted} == wanted
