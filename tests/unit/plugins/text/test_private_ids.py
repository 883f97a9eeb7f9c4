"""A national number is told by its country's rule: a wrong digit makes it any other number."""

from __future__ import annotations

import pytest

from finery_plugins.text.private_ids import IDENTITIES, luhn
from finery_plugins.text.private_patterns import identity, letters_and_digits

# Numbers that issuers publish as examples, that stand in other tools' tests, or made by the rule.
GOOD = [
    ("CN", "11010519491231002X"), ("CN", "440524188001010014"),
    ("US", "078-05-1123"), ("US", "457 55 5462"), ("US", "911-70-1234"),
    ("GB", "AB123456C"), ("GB", "AA 01 23 44 B"),
    ("ES", "12345678Z"), ("ES", "55555555-K"), ("ES", "X9613851N"),
    ("IT", "RSSMRA85T10A562S"), ("IT", "MRTMTT91D08F205J"),
    ("FR", "2 55 08 14 168 025 38"), ("FR", "188057800614874"),
    ("FI", "131052-308T"), ("FI", "020504A902E"),
    ("SE", "871220-2384"), ("SE", "189004119807"), ("SE", "701063-2391"),
    ("KR", "960121-1234567"), ("KR", "000505-3637892"),
    ("PL", "44051401458"),
    ("TR", "53857632436"), ("TR", "10000000146"),
    ("BR", "529.982.247-25"),
    ("ZA", "8001015000086"),
    ("TW", "A123456789"),
    ("SG", "S2740116C"), ("SG", "F2346401L"),
    ("IN", "3123 4567 8909"),
    ("CA", "948 584 792"), ("CA", "731-530-150"),
]  # fmt: skip

BAD = [
    ("CN", "11010519491331002X"), ("CN", "110105194912310021"), ("CN", "99010519491231002X"),
    ("US", "666-05-1123"), ("US", "078-00-1123"), ("US", "078-05-1120"), ("US", "911-66-1234"), ("US", "078051123"),
    ("GB", "BG123612A"), ("GB", "DA123456C"), ("ES", "12345678A"), ("IT", "RSSMRA85T10A562T"),
    ("FR", "2 55 08 14 168 025 39"), ("FI", "131052-308U"), ("FI", "310289-211C"), ("SE", "871220-2385"),
    ("SE", "200504422381"), ("KR", "001332-1234567"), ("PL", "44051401459"), ("TR", "83219500748"),
    ("BR", "529.982.247-26"), ("BR", "111.111.111-11"), ("ZA", "8001015000076"), ("TW", "A123456788"),
    ("SG", "S2740116D"), ("IN", "1234 5678 9012"), ("CA", "435-418-166"), ("CA", "046 454 286"),
]  # fmt: skip


def known(country: str, text: str) -> bool:
    one = identity(country)
    return any(one.valid(match[0]) for match in one.pattern.finditer(text.encode()))


@pytest.mark.parametrize(("country", "number"), GOOD)
def test_a_number_that_keeps_the_rule_is_one(country: str, number: str) -> None:
    assert known(country, number)
    assert known(country, f"身份{number}，and")


@pytest.mark.parametrize(("country", "number"), BAD)
def test_a_number_that_breaks_the_rule_is_none(country: str, number: str) -> None:
    assert not known(country, number)


@pytest.mark.parametrize(("country", "number"), GOOD)
def test_a_number_inside_a_longer_one_is_none(country: str, number: str) -> None:
    assert not known(country, f"9{number}9")
    assert not known(country, f"x{number}x")


@pytest.mark.parametrize("country", ["CN", "FI", "PL", "TR", "BR", "ZA", "TW", "IN", "CA", "FR"])
def test_one_wrong_digit_at_the_end_is_noticed(country: str) -> None:
    number = next(number for name, number in GOOD if name == country)
    ends = [f"{number[:-1]}{end}" for end in "0123456789" if end != number[-1]]
    assert not any(known(country, end) for end in ends)


def test_there_is_an_example_of_every_country() -> None:
    assert {country for country, _ in GOOD} == {one.country for one in IDENTITIES}


def test_digits_asked_for_are_no_more_than_a_number_has() -> None:
    for country, number in GOOD:
        needed = next(one.digits for one in IDENTITIES if one.country == country)
        assert sum(map(str.isdigit, number)) >= needed


def test_luhn_agrees_with_its_definition() -> None:
    for number in range(1000):
        digits = f"{number:03}"
        doubled = int(digits[1]) * 2
        assert luhn(digits) == ((int(digits[0]) + doubled // 10 + doubled % 10 + int(digits[2])) % 10 == 0)


def test_separators_do_not_count() -> None:
    assert letters_and_digits(b"ab-12 3.c") == "AB123C"
