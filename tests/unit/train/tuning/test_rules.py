"""Rewards by rule: each check against what it should say, and options that make no sense refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.train.rules import Asked, Rule, number


def score(said: str, answer: str | None = None, **options: object) -> float:
    """What a rule makes of an answer."""
    return Rule(**options).score("test")(Asked("r", "s", "prompt", answer), said)


@pytest.mark.parametrize(
    "check, answer, said, worth",
    [
        ("exact", "iron", " iron\n", 1),
        ("exact", "iron", "Iron", 0),
        ("exact", None, "None", 0),
        ("contains", "iron", "It is iron.", 1),
        ("contains", "", "anything", 0),
        ("numeric", "So it is 1,234.50", "3 + 4 = 1234.5", 1),
        ("numeric", "7", "seven", 0),
        ("numeric", "7", "7 or 8", 0),
        ("numeric", "-2", "it is -2.0 degrees", 1),
        ("json", None, '{"a": [1, null]}', 1),
        ("json", None, "{'a': 1}", 0),
        ("json", None, 'Sure: {"a": 1}', 0),
    ],
)
def test_checks(check: str, answer: str | None, said: str, worth: float) -> None:
    assert score(said, answer, check=check) == worth


@pytest.mark.parametrize("said, worth", [("a b", 1.0), ("", 1.0), ("a b c d", 0.5), ("a " * 20, 0.1)])
def test_longer_answers_are_worth_less(said: str, worth: float) -> None:
    assert score(said, check="length", words=2) == pytest.approx(worth)


def test_a_pattern_is_searched_anywhere() -> None:
    assert score("xx <b>7</b>", check="regex", pattern=r"<b>\d</b>") == 1
    assert score("xx <b>7", check="regex", pattern=r"<b>\d</b>") == 0


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_read_as_python_writes_it(value: float) -> None:
    assert number(f"it is {value!r}.") == value
    assert number(f"first 12, then {value:,.2f}") == pytest.approx(round(value, 2), abs=0.01)


def test_a_text_without_digits_has_no_number() -> None:
    assert number("none at all.") is None


@pytest.mark.parametrize(
    "options, fault",
    [
        ({"check": "exakt"}, r"unknown check 'exakt' \(did you mean 'exact'\?\)"),
        ({"check": "regex"}, "check 'regex' needs `pattern`"),
        ({"check": "regex", "pattern": "("}, r"'\(' is no pattern"),
        ({"check": "length"}, "check 'length' needs `words`"),
        ({"check": "json", "words": 3}, "check 'json' takes no `words`"),
    ],
)
def test_rules_that_make_no_sense_are_refused(options, fault) -> None:
    with pytest.raises(ValueError, match=fault):
        Rule(**options)
