"""Symptoms: each fault of form has its label, and what is no fault has none."""

from __future__ import annotations

import pytest

from finery_plugins.evaluate.items import Row
from finery_plugins.evaluate.symptoms import Whole, repeated, script, symptoms

LONG = "The mill stood above the weir for a hundred years before the flood took it away in one night."


def labels(answer: str | None, target: str | None = None, **details: object) -> list[str]:
    """The labels of one wrong answer."""
    row = Row("i", "m", "d", "s", prompt="Where is the mill?", answer=answer, target=target, correct=False)
    row = Row(**{**vars(row), "details": details})
    whole = Whole()
    whole.add(row)
    return [one.label for one in symptoms(row, whole)]


def failed(name: str, why: str = "") -> dict[str, dict[str, object]]:
    return {name: {"passed": False, "why": why}}


@pytest.mark.parametrize(
    ("answer", "target", "details", "wanted"),
    [
        (None, "weir", {"error": "timed out"}, ["unanswered"]),
        ("I'm sorry, but I can't help with that.", "weir", {}, ["refusal"]),
        ("I'm sorry, but I can't help with that.", None, {"checks": failed("refusal")}, []),
        ("The weir. And the road. And", "The weir.", {"finish": "length"}, ["no-end", "format"]),
        (LONG, "By the weir.", {"finish": "length"}, ["no-end"]),
        ("The mill", LONG, {"finish": "length"}, ["truncation"]),
        ("the mill the mill the mill the mill the m", "weir", {"finish": "length"}, ["no-end", "repetition"]),
        ("so so so so so so", LONG, {"finish": "length"}, ["repetition"]),
        ("磨坊在水坝上面", "above the weir", {}, ["wrong-language"]),
        ("above the weir", "above the dam", {"checks": failed("language", "is en")}, ["wrong-language"]),
        ('{"a": 1', None, {"checks": failed("json", "Expecting ','")}, ["format"]),
        ("It is above the weir, I think.", "above the weir", {}, ["format"]),
        ("The answer is (C).", "B", {}, ["option-letter"]),
        ("It has 17 wheels", "18", {}, ["numeric"]),
        ("a pond", "a weir", {}, []),
    ],
)
def test_each_fault_has_its_label(
    answer: str | None, target: str | None, details: dict[str, object], wanted: list[str]
) -> None:
    assert labels(answer, target, **details) == wanted


def test_the_fault_of_broken_json_is_in_the_evidence() -> None:
    row = Row("i", "m", "d", "s", answer='{"a": [1, 2}', correct=False, details={"checks": failed("json", "no")})
    (label,) = symptoms(row, Whole())
    assert label.evidence == {"check": "json", "fault": "wrong-bracket"}


@pytest.mark.parametrize(
    ("said", "right", "slip"), [("-4", "4", "the sign"), ("41", "42", "off by one"), ("4200", "42", "10^2")]
)
def test_how_numbers_were_confused_is_said(said: str, right: str, slip: str) -> None:
    row = Row("i", "m", "d", "s", answer=said, target=right, correct=False)
    (label,) = symptoms(row, Whole())
    assert (label.label, slip in label.why) == ("numeric", True)


def test_the_share_of_an_option_is_that_of_all_answers() -> None:
    whole = Whole()
    rows = [Row(str(n), "m", "d", "s", answer="A", target=t, correct=t == "A") for n, t in enumerate("ABAC")]
    for row in rows:
        whole.add(row)
    (label,) = symptoms(rows[1], whole)
    assert label.evidence == {"said": "A", "right": "B", "share": 1.0}


def test_what_is_repeated_is_the_shortest_such() -> None:
    assert repeated("well, ha ha ha ha") == (" ha", 4)
    assert repeated("水水水水水") == ("水", 5)
    assert repeated("no end in sight")[1] == 0


def test_a_script_is_told_by_its_letters() -> None:
    assert [script(text) for text in ("above", "水", "море", "12")] == ["LATIN", "CJK", "CYRILLIC", None]
