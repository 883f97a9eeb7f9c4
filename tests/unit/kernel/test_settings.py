"""`--set`: values put over a pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from finery.errors import UsageError
from finery.settings import stage_ids, value, with_settings

RAW: dict[str, Any] = {
    "source": [{"name": "a", "path": "a.jsonl"}],
    "stage": [{"filter": "length", "min_words": 3}, {"filter": "length"}, {"train": "sft", "id": "tune"}],
}


@pytest.mark.parametrize(
    "setting, path",
    [
        ("length.min_words=5", ("stage", 0, "min_words", 5)),
        ("length-2.min_words = 5", ("stage", 1, "min_words", 5)),
        ("length.filter=keep", ("stage", 0, "filter", "keep")),
        ("tune.method={lora={rank=4}}", ("stage", 2, "method", {"lora": {"rank": 4}})),
        ("tune.method.lora.rank=4", ("stage", 2, "method", {"lora": {"rank": 4}})),
        ("a.path=b.jsonl", ("source", 0, "path", "b.jsonl")),
        ('a.path="b=c.jsonl"', ("source", 0, "path", "b=c.jsonl")),
    ],
)
def test_a_setting_reaches_its_option(setting: str, path: tuple[str, int, str, Any]) -> None:
    kind, number, option, new = path
    assert with_settings(RAW, [setting])[kind][number][option] == new


def test_the_tables_themselves_stay_as_they_are() -> None:
    with_settings(RAW, ["length.min_words=5", "seed=3", "run.workers=2"])
    assert RAW["stage"][0]["min_words"] == 3
    assert "seed" not in RAW


def test_later_settings_win() -> None:
    assert with_settings(RAW, ["seed=3", "seed=4"])["seed"] == 4


@pytest.mark.parametrize("text, expected", [("3", 3), ("true", True), ("[1, 2]", [1, 2]), ("a b", "a b"), ("", "")])
def test_a_value_is_toml_or_stands_for_itself(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "setting", ["length", "length=3", "lenght.x=1", "x=1", "length.min_words.x.y=1", "run=1", "=1"]
)
def test_a_setting_that_names_nothing_is_refused(setting: str) -> None:
    with pytest.raises(UsageError):
        with_settings(RAW, [setting])


def test_stages_are_called_by_their_plugin_and_numbered() -> None:
    stages: list[Any] = [
        {"filter": "length"}, {"filter": "length"}, {"score": "mine:Words"}, {"id": "length-2", "filter": "x"}, "?", {},
    ]  # fmt: skip
    assert stage_ids(stages) == ["length", "length-3", "words", "length-2", "stage", "stage-2"]
