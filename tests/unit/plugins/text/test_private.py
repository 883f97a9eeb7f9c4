"""Personal data is found where it stands, by rules that can be checked, and nowhere else."""

from __future__ import annotations

import sys
from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery import MissingExtra
from finery_plugins.text import private_names
from finery_plugins.text.private import COUNTRIES, PATTERNED, Country, Search, Span, apart, kinds_said, search
from finery_plugins.text.private_patterns import recognisers

# Put together here, so that no scanner takes this file for a leak.
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp" + "_" + "16C7e42F292c6912E7710c838347Ae178B4a"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NSJ9" + "." + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nq7Zx==\n-----END " + "RSA PRIVATE KEY-----"

FOUND = [
    ("email", "info@presidio.site"),
    ("email", "user@xn--80ak6aa92e.com"),
    ("email", "first.last+tag@mail.example.co.uk"),
    ("ip", "192.168.1.1"),
    ("ip", "2001:db8:85a3::8a2e:370"),
    ("ip", "::ffff:192.0.2.1"),
    ("mac", "00:1A:2B:3C:4D:5E"),
    ("mac", "AA-BB-CC-DD-EE-FF"),
    ("card", "4111 1111 1111 1111"),
    ("card", "371449635398431"),
    ("iban", "GB29 NWBK 6016 1331 9268 19"),
    ("iban", "DE89370400440532013000"),
    ("iban", "MT84MALT011000012345MTLCAST001S"),
    ("id", "11010519491231002X"),
    ("id", "078-05-1123"),
    ("phone", "(415) 555-0132"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "13800138000"),
    ("phone", "138-0013-8000"),
    ("phone", "010-62794466"),
    ("phone", "06 12 34 56 78"),
    ("secret", AWS),
    ("secret", GITHUB),
    ("secret", JWT),
    ("secret", KEY),
]

NOT_FOUND = [
    "info@presidio.",
    "not an address @home or a@b",
    "std::cout << MyClass::toString",
    "version 1.2.3, 10.300.1.1 and 192.168.1.1.1",
    "10:30:00 to 12:45:15",
    "4111 1111 1111 1112",
    "1748503543012",
    "GB29 NWBK 6016 1331 9268 10",
    "110105194912310021",
    "000-12-3456 and 666-12-3456 and 123-00-4567",
    "1,234,567.89 and 3.14159265358979 and 2024-05-06 and 20240506",
    "in 1998, 2003, 2007 and 2011",
    "12345678901234567890",
    "00000000000",
    "https://example.org/a/path/of/words-and-words",
    "password = 'changeme'",
    "postgres://user:{password}@host",
]


def large(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.large_string())


def told(text: str, **options: object) -> list[tuple[str, str]]:
    """Kind and value of all that is found in a text."""
    spans = Search(**options).spans(large(text)).get(0, [])  # type: ignore[arg-type]
    return [(span.kind, text.encode()[span.start : span.end].decode()) for span in spans]


def reference(text: str) -> list[Span]:
    """All patterns over the whole text, without windows."""
    data = text.encode()
    every = [
        Span(*match.span(one.group), one.kind)
        for one in recognisers(PATTERNED, COUNTRIES)
        for match in one.pattern.finditer(data)
        if one.valid(data[slice(*match.span(one.group))])
    ]
    return apart(every)


@pytest.mark.parametrize(("kind", "value"), FOUND)
@pytest.mark.parametrize("around", ["{}", "here: {}, and more", "（{}）。", "中文{}中文", "a\n{}\n"])
def test_personal_data_is_found_whole(kind: str, value: str, around: str) -> None:
    assert told(around.format(value)) == [(kind, value)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_alike_is_not_found(text: str) -> None:
    assert told(text) == []


def test_a_bare_number_needs_a_word_before_it() -> None:
    assert told("order 5550134 of ten") == []
    assert told("call me: 5550134") == [("phone", "5550134")]
    assert told("电话：5550134。") == [("phone", "5550134")]


def test_a_value_assigned_to_a_secret_name_is_a_secret() -> None:
    value = "9f8Q" + "x7Lm2pZ4kT0vB1"
    assert told(f'api_key = "{value}"') == [("secret", value)]
    assert told(f'colour = "{value}"') == []
    assert told(f"postgres://me:{value}@db.internal/x") == [("secret", value)]


def test_where_kinds_overlap_one_has_the_place() -> None:
    assert apart([Span(0, 9, "phone"), Span(3, 8, "id"), Span(8, 12, "email"), Span(12, 13, "ip")]) == [
        Span(3, 8, "id"),
        Span(8, 12, "email"),
        Span(12, 13, "ip"),
    ]


def test_only_the_kinds_and_countries_asked_for_are_found() -> None:
    text = "a@b.org 078-05-1123 11010519491231002X"
    assert told(text, kinds=("email",)) == [("email", "a@b.org")]
    assert told(text, kinds=("id",), countries=("CN",)) == [("id", "11010519491231002X")]


PIECES = st.sampled_from(
    [value for _, value in FOUND]
    + [text for text in NOT_FOUND if len(text) < 40]
    + list(" \n,.:-/@(x7é中")
    + ["  ", "::", "+1 ", "tel ", "a" * 90, "0" * 20, "word " * 12]
)


@settings(max_examples=300)
@given(st.lists(st.lists(PIECES, max_size=7).map("".join), max_size=5))
def test_windows_find_what_the_patterns_find_in_the_whole_text(texts: list[str]) -> None:
    found = Search().spans(large(*texts))
    assert {row: found.get(row, []) for row in range(len(texts))} == dict(enumerate(map(reference, texts)))


@settings(max_examples=100)
@given(st.lists(st.text("0123456789.-:@ABCDabcdx+ \n中", max_size=60), max_size=4))
def test_windows_find_what_patterns_find_in_noise(texts: list[str]) -> None:
    found = Search().spans(large(*texts))
    assert {row: found.get(row, []) for row in range(len(texts))} == dict(enumerate(map(reference, texts)))


def test_neighbours_in_memory_do_not_matter() -> None:
    together = large("x 1", "3800138000", "AKIA", "IOSFODNN7EXAMPLE", "-", KEY, "a@b.org", "@c.org", None, AWS)
    alone = [Search().spans(together.slice(row, 1)).get(0, []) for row in range(len(together))]
    found = Search().spans(together)
    assert [found.get(row, []) for row in range(len(together))] == alone
    assert [len(spans) for spans in alone] == [0, 0, 0, 0, 0, 1, 1, 0, 0, 1]


def test_a_text_full_of_addresses_is_found_whole() -> None:
    text = " ".join(f"user{number}@example.org" for number in range(3000))
    assert len(told(text)) == 3000


def test_countries_that_may_be_named_are_those_that_are_known() -> None:
    assert get_args(Country) == COUNTRIES


def test_names_need_a_model() -> None:
    with pytest.raises(ValueError, match="names are found by a model"):
        search(["name"], None, None)
    assert search(None, ["CN"], "folder").looked_for[-1] == "name"


def test_kinds_are_told_in_their_order() -> None:
    assert kinds_said([Span(0, 1, "phone"), Span(1, 2, "email"), Span(2, 3, "phone")]) == "1 email, 2 phone"


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[train\]'"):
        private_names.tagger.__wrapped__("folder")
