"""What is printed: tables, trees, JSON; plain where nobody looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery.cli.render import Branch, emit, emit_json, number, one_line, plain, text, tree, width


def test_a_table_in_a_pipe_has_no_boxes_and_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"name": "a", "count": 1200}, {"name": "long", "count": 3}], ["name", "count"], False)
    assert capsys.readouterr().out == "name  count\na     1,200\nlong      3\n"


def test_json_keeps_keys_that_the_table_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"name": "a", "more": 1}], ["name"], True)
    assert json.loads(capsys.readouterr().out) == [{"name": "a", "more": 1}]


def test_nothing_in_a_cell_is_markup_or_obeyed_by_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"name": "[bold]x[/bold]\x1b[31m\ny"}], ["name"], False)
    assert capsys.readouterr().out.splitlines()[1] == "[bold]x[/bold] [31m y"


def test_an_empty_table_is_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    emit([], ["name", "count"], False)
    assert capsys.readouterr().out == "name  count\n"


@pytest.mark.parametrize(("columns", "wide"), [("10", 60), ("100", 100), ("1000", 200)])
def test_the_width_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch, columns: str, wide: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == wide


def test_long_cells_are_folded_at_the_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    emit([{"name": "word " * 40}], ["name"], False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(lines[1:]).split() == ["word"] * 40


def test_names_are_not_torn_apart_where_room_is_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "43d4a1a8-d9ec-01fa-d0cc-038b67f23552"
    emit([{"record": name, "said": "word " * 20, "count": 12}], ["record", "said", "count"], False)
    assert name in capsys.readouterr().out


def test_a_tree_in_a_pipe_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    root = Branch("root")
    root.add("first").add("below")
    root.add("second")
    tree(root)
    assert capsys.readouterr().out == "root\n  first\n    below\n  second\n"


def test_a_tree_on_a_terminal_keeps_the_order_of_its_branches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("finery.cli.render.is_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    root = Branch("root")
    root.add("first").add("below")
    root.add("second")
    tree(root)
    words = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert words == ["root", "first", "below", "second"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (True, "yes"), (1234567, "1,234,567"), (0.12345, "0.1235"), (12.0, "12"), (["a", 1], "a, 1")],
)
def test_values_are_short(value: object, shown: str) -> None:
    assert text(value) == shown


def test_plain_values_are_json_s() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    value = {"id": UUID(int=1), "at": moment, "d": Decimal("1.5"), "n": float("nan"), "b": b"\x01", "t": (1, None)}
    assert plain(value) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-01 00:00:00+00:00",
        "d": 1.5,
        "n": None,
        "b": "01",
        "t": [1, None],
    }


def test_text_of_every_script_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"text": "水 é"})
    assert "水 é" in capsys.readouterr().out


@given(st.floats())
def test_every_float_has_a_short_form(value: float) -> None:
    assert len(number(value)) <= 25


@given(st.text())
def test_one_line_has_as_many_characters_and_no_breaks(value: str) -> None:
    assert len(one_line(value)) == len(value)
    assert len(one_line(value).splitlines()) <= 1


def test_a_table_that_does_not_fit_is_told_row_by_row_and_loses_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"run": "20261130-014318-221c", "started": "2026-11-30 01:43:18", "status": "interrupted", "ran": 12}
    for columns, first in (("60", "20261130-014318-221c"), ("200", "run")):
        monkeypatch.setenv("COLUMNS", columns)
        emit(
            [row | {"pipeline": "a-long-name-of-some-pipeline"}], ["run", "pipeline", "started", "status", "ran"], False
        )
        said = capsys.readouterr().out
        assert said.split()[0] == first and max(map(len, said.splitlines())) <= int(columns)
        assert all(str(value) in said for value in row.values())
