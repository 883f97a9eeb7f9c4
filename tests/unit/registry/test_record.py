"""A result written into an entry: nothing else of it changes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import FineryError
from finery_registry.record import with_result

ENTRY = """# of two releases
name = "acme"

[[release]] # the first
version = "1"

[[release]]
version = "2"
[release.checked]
on = "yesterday"
[[release.checked.plugins]]
name = "x"

# behind
[[provides]]
name = "x"
"""

PLAIN = st.text() | st.integers(-(2**40), 2**40) | st.booleans() | st.lists(st.text(), max_size=2)
PAGES = st.lists(
    st.dictionaries(st.text(), PLAIN | st.dictionaries(st.text(), PLAIN, max_size=2), max_size=3), max_size=2
)


@given(st.dictionaries(st.from_regex(r"[a-z]+", fullmatch=True), PLAIN, max_size=3), PAGES, st.integers(0, 1))
def test_any_result_is_read_back_and_the_rest_stays(plain: dict[str, object], pages: list[dict], number: int) -> None:
    checked = {**plain, **({"plugins": pages} if pages else {})}
    made = with_result(ENTRY, number, checked)
    before, after = tomllib.loads(ENTRY), tomllib.loads(made)
    assert after["release"][number].pop("checked") == checked
    before["release"][number].pop("checked", None)
    assert after == before
    assert with_result(made, number, checked) == made
    assert "# of two releases" in made


def test_releases_that_are_written_inline_are_refused() -> None:
    with pytest.raises(FineryError, match="one table a release"):
        with_result('release = [{ version = "1" }]\n', 0, {"on": "today"})
