"""`finery trace`: what made a model."""

from __future__ import annotations

import pytest
from workshop import Workshop

from finery.errors import UsageError


def test_a_trace_names_sources_steps_and_the_stages_behind_them(workshop: Workshop) -> None:
    lines = workshop.lines("trace", "toy", "--run", workshop.first)
    assert lines[-1] == "starts from random weights"
    assert lines[0].startswith("toy: crafts:Toy (local), 4 steps, loss 5.000 to 2.000")
    assert "b: 4 records, 4 tokens, 1 epochs" in lines
    assert any(line.startswith("halves (format crafts:Halves, local): 1 to 2") for line in lines)


def test_a_trace_as_json_has_the_same(workshop: Workshop) -> None:
    found = workshop.json("trace", "toy", "--run", workshop.first)
    made = found["trainings"][0]
    assert (found["base"], made["model"], made["steps"]) == (None, "feedbeef0123", 4)
    assert {share["source"]: share["records"] for share in made["shares"]} == {"a": 4, "b": 4}
    assert [row["name"] for row in made["measured"]] == ["records"]


def test_a_model_folder_can_be_traced(workshop: Workshop) -> None:
    artifact = workshop.json("trace", "toy")["trainings"][0]["artifact"]
    folder = workshop.root / "artifacts" / artifact / "out"
    assert workshop.json("trace", str(folder))["trainings"][0]["artifact"] == artifact


def test_a_model_that_is_none_is_a_usage_error(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="trained were toy"):
        workshop.ask("trace", "tox9")
