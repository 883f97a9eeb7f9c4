"""JSON faults: every beginning of a valid text is not closed; each other fault is told by its name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.evaluate.corruption import corrupted, misspelling
from finery_plugins.evaluate.json_cuts import cuts, fault, is_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": [1, 2}', "wrong-bracket"),
        ('{"a": 1]', "wrong-bracket"),
        ('{"a": 1} and so on', "trailing-text"),
        ('{"a": 1}}', "trailing-text"),
        ('{"a": "b\nc"}', "invalid-string"),
        ('{"a": "b\\q"}', "invalid-string"),
        ('{"a": "b\\u00zz"}', "invalid-string"),
        ('{"a": 1, "a": 2}', "repeated-key"),
        ('{"b": {"a": 1, "a": 2}}', "repeated-key"),
        ('{"a" 1}', "syntax"),
        ('{"a": 1 "b": 2}', "syntax"),
        ('{"a": 1,}', "syntax"),
        ('{"a": NaN}', "syntax"),
        ('{"a": "b', "not-closed"),
        ('{"a": tr', "not-closed"),
        (" ", "empty"),
        ("[" * 100_000, "not-closed"),
    ],
)
def test_a_fault_is_told_by_its_name(text: str, name: str) -> None:
    assert fault(text) == name
    assert not is_json(text)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1]))
def test_valid_json_has_no_fault_and_its_beginnings_are_not_closed(said: Any, ascii_only: bool, indent: Any) -> None:
    text = json.dumps(said, ensure_ascii=ascii_only, indent=indent)
    assert is_json(text)
    assert {fault(text[:at]) for at in range(1, len(text))} <= {"not-closed"}


@given(OBJECTS, st.sampled_from([None, 1]))
def test_cuts_stand_where_they_say(said: Any, indent: Any) -> None:
    text = json.dumps(said, indent=indent)
    for cut in cuts(text):
        before, behind = text[: cut.at], text[cut.at :]
        if cut.place == "brace":
            assert before[-1] in "{["
        elif cut.place == "comma":
            assert before[-1] == ","
        elif cut.place == "key":
            assert before[-1] == '"'
            assert behind[0] == ":"
        else:
            assert fault(before + '"') == "not-closed"
            assert '"' in behind
    assert sum(cut.place == "key" for cut in cuts(text)) == keys(said)


def keys(said: Any) -> int:
    """How many keys there are, those of objects within objects included."""
    if isinstance(said, dict):
        return len(said) + sum(map(keys, said.values()))
    return sum(map(keys, said)) if isinstance(said, list) else 0


def test_a_word_that_comes_again_is_misspelt_up_to_its_last_time() -> None:
    found = corrupted("The miller sold flour; a miller rose early, said the miller.")
    assert found is not None
    assert (found.word, found.misspelt) == ("miller", "mliler")
    assert found.prefix == "The mliler sold flour; a mliler rose early, said the "
    assert corrupted("No word here comes twice") is None
    assert misspelling("aaaaa") is None


@given(st.lists(st.sampled_from(["millstone", "water", "grain", "so", "水"]), max_size=12))
def test_a_corrupted_text_differs_from_its_own_in_the_word_alone(words: list[str]) -> None:
    text = " ".join(words)
    found = corrupted(text)
    if found is not None:
        assert found.word not in re.findall(r"\w+", found.prefix)
        assert text.startswith(found.prefix.replace(found.misspelt, found.word) + found.word)
