"""`finery diff`: what two runs differ in."""

from __future__ import annotations

from workshop import Workshop


def test_a_diff_tells_options_counts_and_fates(workshop: Workshop) -> None:
    lines = workshop.lines("diff", "last~1", "last")
    assert lines[0] == f"a is run {workshop.first}, b is run {workshop.second}"
    assert "short.least 4 16" in lines
    assert "short a dropped 2 3 1" in lines
    assert any(line.startswith("kept short: short 2 ") for line in lines)
    assert lines[-1].startswith("Ask for one: finery why ")


def test_a_diff_as_json_has_five_lists(workshop: Workshop) -> None:
    found = workshop.json("diff", workshop.first, workshop.second)
    assert found["config"] == [{"option": "short.least", "a": 4, "b": 16}]
    assert {"a": "kept", "b": "short: short"}.items() <= found["fates"][0].items()
    assert [row["name"] for row in found["metrics"]] == ["loss", "records"]


def test_equal_runs_differ_in_nothing(workshop: Workshop) -> None:
    assert workshop.lines("diff", "last", "last")[-1] == "nothing differs"
