"""Options that name a model: found by their type, and put in place of by what the planner knows."""

from __future__ import annotations

from finery import ModelName, plugin
from finery.modeloptions import named, put


@plugin
class Judged:
    """Name models in every way."""

    reward: ModelName | None = None
    """One, or none."""
    others: list[ModelName] | dict[str, float] | None = None
    """Some."""
    word: str = "base"
    """No model."""


def test_models_are_found_by_their_type_alone() -> None:
    assert list(named(Judged(reward="a", others=["b", "c"]))) == [("reward", "a"), ("others", "b"), ("others", "c")]
    assert list(named(Judged())) == []


def test_every_name_is_changed_and_nothing_else() -> None:
    given = {"reward": "a", "others": ["b"], "word": "base"}
    assert put(Judged, given, str.upper) == {"reward": "A", "others": ["B"]}
    assert put(Judged, {"reward": None, "others": None, "word": "base"}, str.upper) == {"reward": None, "others": None}
