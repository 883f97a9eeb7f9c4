"""`finery sweep`: what each value would keep, as a table and as JSON, and what cannot be swept."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from workshop import Workshop

from finery.cli.sweep import sweep
from finery.errors import FineryError, PipelineError, UsageError
from finery.sweep.grid import listed, parsed
from finery.tomltext import as_toml

SHORT = "short.least=4,16,18"


def ask(workshop: Workshop, *words: str) -> str:
    """What the verb prints. Raises what it raises."""
    file, home = str(workshop.folder / "pipeline.toml"), {"FINERY_HOME": str(workshop.root)}
    done = CliRunner().invoke(sweep, [file, *words], env=home, catch_exceptions=False, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def told(workshop: Workshop, *words: str) -> Any:
    """What it prints with `--json`."""
    return json.loads(ask(workshop, *words, "--json"))


def test_each_value_tells_what_it_would_keep_of_each_source(workshop: Workshop) -> None:
    points = told(workshop, SHORT)["points"]
    kept = [{name: each["kept"] for name, each in point["sources"].items()} for point in points]
    assert kept == [{"a": 2, "b": 1, "all": 3}, {"a": 1, "b": 0, "all": 1}, {"a": 0, "b": 0, "all": 0}]
    assert [point["values"] for point in points] == [{"least": 4}, {"least": 16}, {"least": 18}]


def test_characters_and_reasons_are_told(workshop: Workshop) -> None:
    found = told(workshop, SHORT)["points"][1]["sources"]["a"]
    assert found["characters"] == {"all": 37.0, "kept": 16.0}
    assert found["reasons"] == {"short": 3}
    assert found["share"] == 0.25


def test_the_value_of_the_file_is_marked(workshop: Workshop) -> None:
    assert [point["now"] for point in told(workshop, SHORT)["points"]] == [True, False, False]
    assert [point["now"] for point in told(workshop, SHORT, "--set", "short.least=18")["points"]] == [
        *(False, False, True),
    ]


def test_the_table_says_what_changes_from_value_to_value(workshop: Workshop) -> None:
    lines = [" ".join(line.split()) for line in ask(workshop, SHORT).splitlines()]
    assert lines[0] == "short: what would stay of the 5 records before it"
    assert lines[2] == "least source kept kept % change characters why the others go"
    assert lines[3] == "4 now a 2 50 31 short 2"
    assert lines[6] == "16 a 1 25 -1 16 short 3"
    assert lines[7] == "b 0 0 -1 0 short 1"


def test_samples_are_records_whose_fate_changes_with_the_reason(workshop: Workshop) -> None:
    [first, second] = told(workshop, SHORT, "--samples", "5")["changes"]
    assert (first["from"], first["to"], first["gained"], first["lost"]) == ([4], [16], 0, 2)
    assert {(row["text"], row["reason"], row["value"], row["bound"]) for row in first["samples"]} == {
        ("a river of sand", "short", 15.0, 16.0),
        ("blue and green", "short", 14.0, 16.0),
    }
    assert [row["text"] for row in second["samples"]] == ["a river of words"]
    assert "from 4 to 16: 2 go, 0 come" in ask(workshop, SHORT, "--samples", "1")


def test_values_in_another_order_bring_records_back(workshop: Workshop) -> None:
    [change] = told(workshop, "short.least=16,4", "--samples", "2")["changes"]
    assert (change["gained"], change["lost"], [row["kept"] for row in change["samples"]]) == (2, 0, [True, True])


def test_nothing_is_left_in_the_work_folder(workshop: Workshop) -> None:
    before = sorted(workshop.root.rglob("*"))
    told(workshop, "short.least=1,2,3")
    assert sorted(workshop.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["short"], "names no values"),
        (["least=4"], "names no values"),
        (["short.least="], "names no values"),
        (["shirt.least=4"], "'shirt': is no stage \\(did you mean 'short'\\?\\)"),
        (["twice.x=4"], "stage 'twice': is a mix"),
        (["short.least=4", "halves.x=1"], "options of several stages: short, halves"),
        (["short.least=4", "short.least=5"], "'least' stands twice"),
        ([f"short.least={','.join(map(str, range(300)))}"], "300 combinations"),
    ],
)
def test_what_cannot_be_swept_is_a_usage_error(workshop: Workshop, words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(workshop, *words)


def test_no_option_at_all_is_a_usage_error(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="names no option"):
        ask(workshop)


def test_bad_values_are_told_all_at_once_as_set_tells_them(workshop: Workshop) -> None:
    with pytest.raises(PipelineError) as caught:
        ask(workshop, "short.least=1,x,y", "short.most=3")
    assert "filter 'crafts:Short': unknown option 'most'" in str(caught.value)
    with pytest.raises(PipelineError) as caught:
        ask(workshop, "short.least=1,x,y")
    assert [fault.fault.rpartition("not ")[2] for fault in caught.value.faults] == ["'x'", "'y'"]


def test_what_stands_before_the_filter_must_be_there(workshop: Workshop) -> None:
    with pytest.raises(FineryError, match=r"stage 'short': 'read-a' before it has to run first .*finery run"):
        ask(workshop, SHORT, "--set", "a.columns.text=text")


def test_commas_stand_between_values_and_not_within_them() -> None:
    assert listed("1,2.5") == [1, 2.5]
    assert listed('["en"],["en", "zh"]') == [["en"], ["en", "zh"]]
    assert listed("paper,datatrove") == ["paper", "datatrove"]
    assert listed('"a > 1, b",c') == ['"a > 1', 'b"', "c"]
    assert parsed("s.a.b=1,1,2").values == (1, 2)


VALUES = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_comes_back_from_toml(value: Any) -> None:
    assert tomllib.loads(f"v = {as_toml(value)}")["v"] == value
