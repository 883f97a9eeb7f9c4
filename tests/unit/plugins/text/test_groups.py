"""Mentions of groups of people are counted by plain lists, in English and Chinese."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from finery import UsageError
from finery_plugins.text.groups import Term, mentions, read_terms, shipped


def named(text: str, *languages: str) -> dict[str, int]:
    terms = shipped(tuple(languages) or ("en", "zh"))
    return {group: int(n[0]) for group, n in mentions(pa.array([text], pa.large_string()), terms).items() if n[0]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She told her brother.", {"gender/female": 2, "gender/male": 1}),
        ("The theory of thermal heat.", {}),
        ("An elderly Muslim woman from Kenya", {
            "age/old": 1, "religion/muslim": 1, "gender/female": 1, "region/africa": 1
        }),
        ("她和她的丈夫", {"gender/female": 2, "gender/male": 1}),
        ("其他人弹吉他", {}),
        ("他弹吉他", {"gender/male": 1}),
        ("他们和她们", {}),
        ("男孩子", {"gender/male": 1, "age/young": 1}),
        ("印度教在印度", {"religion/hindu": 1, "region/asia": 1}),
        ("Latin American music", {"region/latin-america": 1}),
        ("", {}),
    ],
)  # fmt: skip
def test_who_is_named(text: str, expected: dict[str, int]) -> None:
    assert named(text) == expected


def test_languages_can_be_chosen() -> None:
    assert named("she 她", "en") == {"gender/female": 1}


def test_texts_are_counted_each_for_itself() -> None:
    terms = [Term("mill", "place/mill"), Term("windmill", "place/mill", -1)]
    found = mentions(pa.array(["mill mill", "no", "the mill"], pa.large_string()), terms)
    assert found["place/mill"].tolist() == [2, 0, 1]


def test_a_file_adds_groups(tmp_path: Path) -> None:
    (tmp_path / "groups.txt").write_text("# mine\nblacksmith\ttrade/smith\nFarrier \ttrade/smith\n", encoding="utf-8")
    terms = read_terms(str(tmp_path / "groups.txt"))
    assert terms == [Term("blacksmith", "trade/smith"), Term("farrier", "trade/smith")]


def test_a_line_without_a_group_is_refused(tmp_path: Path) -> None:
    (tmp_path / "groups.txt").write_text("blacksmith\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'blacksmith' names no group: write phrase, tab, group"):
        read_terms(str(tmp_path / "groups.txt"))


def test_no_group_of_a_language_lacks_the_other() -> None:
    assert {t.group for t in shipped(("en",)) if t.weight > 0} == {t.group for t in shipped(("zh",)) if t.weight > 0}
