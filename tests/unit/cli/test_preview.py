"""`finery preview`: what is trained is marked, what is cut is marked, and nothing runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from finery.cli import preview_page, render
from finery.cli.preview import parted, preview
from finery.cli.preview_page import CUT, TRAINED, Letter, Line, cells, folded, lines_of
from finery.config import read_pipeline
from finery.errors import UsageError
from finery.run import run_pipeline
from finery.types import Piece

sys.path.insert(0, str(Path(__file__).parent))

PIPELINE = """
name = "seen"
[run]
workers = 1
[[source]]
name = "a"
path = "a.jsonl"
[[source]]
name = "b"
path = "b.jsonl"
[[stage]]
id = "short"
filter = "crafts:Short"
least = 3
[[stage]]
train = "sights:Words"
id = "first"
[[stage]]
train = "sights:Words"
id = "second"
only = ["b"]
[[stage]]
train = "sights:Blind"
"""
A = ["<u> what is <a> IRON ORE", "one two three four five SIX seven eight nine TEN", "tin"]
B = ["a river", "OF IRON"]
Ask = Callable[..., str]


def left(folder: Path, pipeline: str = PIPELINE) -> Path:
    """A pipeline and its sources."""
    for name, texts in (("a", A), ("b", B)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (folder / "pipeline.toml").write_text(pipeline)
    return folder / "pipeline.toml"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that ran."""
    file = left(tmp_path_factory.mktemp("seen"))
    run_pipeline(read_pipeline(file), file.parent / ".finery")
    return file


def called(file: Path, *words: str, **environment: str) -> str:
    """What the verb prints."""
    asked = [str(file), *words] if words and not words[0].startswith("-") else [str(file), "first", *words]
    done = CliRunner().invoke(preview, asked, env=environment, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def shown(file: Path, *words: str) -> Any:
    """What the verb prints as JSON."""
    return json.loads(called(file, *words, "--json"))


def test_trained_words_have_marks_below_them(seen: Path) -> None:
    lines = called(seen, "first", "--source", "a").splitlines()
    place = lines.index("> <u> what is")
    assert lines[place + 1 : place + 3] == [">  <a> IRON ORE", "      ^^^^^^^^^"]


def test_what_is_beyond_the_row_has_other_marks(seen: Path) -> None:
    lines = called(seen, "first", "--source", "a").splitlines()
    place = lines.index("  one two three four five SIX seven eight nine TEN")
    assert lines[place + 1] == "  " + " " * 23 + "^^^^" + " " * 12 + "x" * 9
    assert lines[place - 1] == "10 tokens, 2 trained, 1 of these beyond the row"


def test_a_text_that_is_trained_throughout_needs_no_marks(seen: Path) -> None:
    said = called(seen, "first", "--source", "b")
    assert "2 tokens, all trained\n  OF IRON\n\n" in said


def test_only_some_records_of_each_source_are_shown(seen: Path) -> None:
    found = shown(seen, "first", "--records", "1")["shown"]
    assert sorted(one["source"] for one in found) == ["a", "b"]
    assert len(shown(seen, "first")["shown"]) == 5


def test_a_stage_sees_its_sources_and_the_model_before_it(seen: Path) -> None:
    found = shown(seen, "second")
    assert {one["source"] for one in found["shown"]} == {"b"}
    assert found["notes"] == ["starts from first"]
    assert shown(seen, "first")["notes"] == ["starts from none"]


def test_one_record_can_be_asked_for(seen: Path) -> None:
    record = shown(seen, "first")["shown"][2]["record"]
    for name in (record, record[:8], record.replace("-", "")[:12]):
        assert [one["record"] for one in shown(seen, "first", "--record", name)["shown"]] == [record]
    with pytest.raises(UsageError, match="sees no record whose id begins with '000000000000'"):
        called(seen, "first", "--record", "000000000000")
    with pytest.raises(UsageError, match="sees 5 records whose id begins with '': give more of its id"):
        called(seen, "first", "--record", "")


def test_the_numbers_stand_in_a_table(seen: Path) -> None:
    lines = [line.split() for line in called(seen, "first").splitlines()]
    assert ["measure", "all", "a", "b"] in lines
    assert ["trained", "share", "25.0%", "50.0%", "50.0%"] in lines
    assert ["rows", "5"] in lines
    assert ["no", "fault:", "the", "stage", "would", "start"] in lines


def test_faults_are_told(seen: Path) -> None:
    said = called(seen, "first", "--set", "first.fails=true")
    assert "  fault: first: is wrong: mend it\n" in said
    assert "no fault" not in said


def test_packed_rows_name_the_records_shown(seen: Path) -> None:
    said = called(seen, "second", "--records", "1")
    record = shown(seen, "second", "--records", "1")["shown"][0]["record"][:8]
    assert "packed: the sample fills 2 rows of 8 tokens by 50.0%" in said
    assert f"  4 tokens of 2 documents: {record} 2*, {record} 2*\n" in said


def test_json_has_everything(seen: Path) -> None:
    found = shown(seen, "first")
    assert set(found) == {"stage", "context", "shown", "packed", "metrics", "notes", "faults"}
    piece = found["shown"][0]["pieces"][0]
    assert set(piece) == {"text", "tokens", "trained", "special", "cut", "opens"}


def test_nothing_is_run_or_written(seen: Path) -> None:
    before = sorted(path for path in (seen.parent / ".finery").rglob("*") if path.is_file())
    called(seen, "first")
    assert sorted(path for path in (seen.parent / ".finery").rglob("*") if path.is_file()) == before


def test_stages_that_have_not_run_are_named(tmp_path: Path) -> None:
    file = left(tmp_path)
    with pytest.raises(UsageError, match=r"on the stages read-a, read-b, short, which have not run .*: finery run"):
        called(file, "first")


def test_a_model_that_is_not_trained_yet_is_named(tmp_path: Path) -> None:
    file = left(tmp_path)
    run_pipeline(read_pipeline(file), tmp_path / ".finery")
    with pytest.raises(UsageError, match="stands on the stage first, which has not run"):
        called(file, "second", "--set", "first.context=9")
    assert "9 tokens a row" in called(file, "first", "--set", "first.context=9")


def test_a_stage_without_a_preview_says_so(seen: Path) -> None:
    with pytest.raises(UsageError, match=r"'sights:Blind' \(local\) has no preview to give"):
        called(seen, "blind")


@pytest.mark.parametrize("name", ["fist", "short"])
def test_unknown_stages_are_usage_errors(seen: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"has no train stage '{name}'.*its train stages are first, second, blind"):
        called(seen, name)


def test_a_source_that_the_stage_does_not_see_is_a_usage_error(seen: Path) -> None:
    with pytest.raises(UsageError, match="sees no source 'a': it sees b"):
        called(seen, "second", "--source", "a")


def test_the_file_or_the_stage_may_be_left_out(tmp_path: Path) -> None:
    assert parted(("x.toml", "first")) == (Path("x.toml"), "first")
    assert parted(("first",)) == (Path("pipeline.toml"), "first")
    assert parted(("x.toml",)) == (Path("x.toml"), None)
    assert parted(()) == (Path("pipeline.toml"), None)


def test_the_only_train_stage_need_not_be_named(tmp_path: Path) -> None:
    file = left(tmp_path, PIPELINE.partition('[[stage]]\ntrain = "sights:Words"\nid = "second"')[0])
    run_pipeline(read_pipeline(file), tmp_path / ".finery")
    done = CliRunner().invoke(preview, [str(file)], standalone_mode=False)
    assert done.stdout.startswith("train 'first' (sights:Words), 8 tokens a row at most\n")


def test_several_train_stages_must_be_named(seen: Path) -> None:
    done = CliRunner().invoke(preview, [str(seen)], standalone_mode=False)
    assert "say which stage to look at: its train stages are first, second, blind" in str(done.exception)


@pytest.mark.parametrize("columns", ["60", "80", "120", "200"])
def test_no_line_is_wider_than_the_terminal(seen: Path, columns: str) -> None:
    said = called(seen, "first", COLUMNS=columns)
    assert max(map(len, said.splitlines())) <= int(columns)


def test_long_texts_are_told_in_part(seen: Path, tmp_path: Path) -> None:
    lines = called(seen, "first", "--source", "b", "--lines", "1", COLUMNS="60").splitlines()
    assert lines.count("  OF IRON") == 1
    file = left(tmp_path)
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "\n".join(map(str, range(50)))}) + "\n")
    run_pipeline(read_pipeline(file), tmp_path / ".finery")
    lines = called(file, "first", "--source", "b", "--lines", "6").splitlines()
    gap = lines.index("  ... 44 lines left out: --lines 0 shows all ...")
    assert (lines[gap - 1], lines[gap + 1 : gap + 3]) == ("  3", ["  48", "  49"])
    assert "  25" in called(file, "first", "--source", "b", "--lines", "0").splitlines()


def test_on_a_terminal_colours_stand_for_marks(seen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (preview_page, render):
        monkeypatch.setattr(module, "is_terminal", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    line = Line([Letter("a", " ", False), Letter("b", TRAINED, False), Letter("c", CUT, False)], True)
    (coloured,) = preview_page.printed(line)
    assert coloured == "> a\x1b[32m\x1b[1m\x1b[4mb\x1b[0m\x1b[31m\x1b[9mc\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert list(preview_page.printed(line)) == ["> abc", "   ^x"]


LETTERS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)


@given(st.lists(st.tuples(LETTERS, st.booleans(), st.booleans()), max_size=6), st.integers(4, 30))
def test_folding_loses_no_letter_and_no_mark(parts: list[tuple[str, bool, bool]], room: int) -> None:
    pieces = [Piece(text, 1, trained=trained, opens=opens) for text, trained, opens in parts]
    lines = list(lines_of(pieces))
    laid = list(folded(lines, room))
    assert [letter for line in laid for letter in line.letters] == [x for line in lines for x in line.letters]
    assert all(cells(line.letters) <= room for line in laid)
    assert sum(line.opens for line in laid) == sum(line.opens for line in lines)


@given(LETTERS.filter(lambda text: "\n" not in text), st.booleans())
def test_marks_stand_below_what_they_mark(text: str, cut: bool) -> None:
    letters = [letter for line in lines_of([Piece(f"a{text}b", 1, trained=True, cut=cut)]) for letter in line.letters]
    said, marks = list(preview_page.printed(Line(letters, False)))
    assert said.startswith("  a")
    assert marks == "  " + (CUT if cut else TRAINED) * cells(letters)
    assert os.linesep not in said
