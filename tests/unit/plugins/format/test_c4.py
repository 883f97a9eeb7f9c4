"""The format `c4` rewrites pages to the lines that C4 keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery import Tally
from finery.testing import SHAPES, check
from finery_plugins.filter.c4 import C4
from finery_plugins.format.c4 import C4Lines

BatchOf = Callable[..., pa.Table]

LINE = "The miller went down to the weir at dusk."


def lines(batch_of: BatchOf, text: str | None, **options: Any) -> str | None:
    after = C4Lines(**options).format(batch=batch_of(text=[text]), tally=Tally())
    found: str | None = after["text"][0].as_py()
    return found


def test_lines_that_c4_leaves_out_go_and_the_others_are_joined(batch_of: BatchOf) -> None:
    text = f"  {LINE}\t\n\nmenu\r\nPlease enable JavaScript to read this page.\u2028{LINE} \n"
    assert lines(batch_of, text) == f"{LINE}\n{LINE}"


def test_citation_marks_go_and_the_case_of_letters_stays(batch_of: BatchOf) -> None:
    text = "The [12] Weir[edit] Was Old[citation needed], and It [x] Stood."
    assert lines(batch_of, text) == "The  Weir Was Old, and It [x] Stood."
    assert lines(batch_of, text, citations=False) == text


def test_no_white_space_is_left_at_the_ends_of_a_page(batch_of: BatchOf) -> None:
    options: dict[str, Any] = {"min_words_per_line": 0, "end_marks": ""}
    assert lines(batch_of, "[1]\n[2] a [3]\n[4] b [5]\n[6]", **options) == "a \n b"


def test_a_page_of_which_nothing_is_left_is_empty_and_counted(batch_of: BatchOf) -> None:
    tally = Tally()
    after = C4Lines().format(batch=batch_of(text=["menu\nlogin", LINE, "", " \n", None]), tally=tally)
    assert after["text"].to_pylist() == ["", LINE, "", "", None]
    assert tally == {"empty": 1}


def test_pages_with_lorem_ipsum_or_brackets_are_left_to_the_filter(batch_of: BatchOf) -> None:
    text = "Here lorem ipsum { dolor sit."
    assert lines(batch_of, text) == text


def test_the_presets_differ_as_the_filter_has_them(batch_of: BatchOf) -> None:
    text = "It rained [1].\n'Only the others end a line so'\nIt rained on [5] dusk."
    assert lines(batch_of, text, preset="tfds") == ""
    assert lines(batch_of, text, preset="datatrove") == text.replace("[1]", "").replace("[5]", "")


def test_a_batch_in_which_nothing_changes_is_the_same(batch_of: BatchOf) -> None:
    batch = batch_of(text=[LINE, f"{LINE}\n{LINE}", None])
    assert C4Lines().format(batch=batch, tally=Tally()) is batch


def test_turns_of_a_dialogue_are_rewritten_one_by_one(batch_of: BatchOf) -> None:
    turns = [{"role": "user", "content": f"menu\n{LINE}"}, {"role": "assistant", "content": "ok"}]
    tally = Tally()
    after = C4Lines().format(batch=batch_of(messages=[turns, turns[1:]]), tally=tally)
    contents = [[turn["content"] for turn in messages] for messages in after["messages"].to_pylist()]
    assert contents == [[LINE, ""], [""]]
    assert tally == {"empty": 1}


def test_what_is_rewritten_is_decided_as_before(batch_of: BatchOf) -> None:
    batch = batch_of(text=[f"menu\n{LINE}\n{LINE}\n{LINE}", f"{LINE}\nmenu", "menu"])
    after = C4Lines().format(batch=batch, tally=Tally())
    assert C4().filter(batch=after).code.equals(C4().filter(batch=batch).code)


def test_chunks_and_no_records(batch_of: BatchOf) -> None:
    one, two = batch_of(text=[f"{LINE}\nmenu"]), batch_of(text=["menu"])
    after = C4Lines().format(batch=pa.concat_tables([one, two, one]), tally=Tally())
    assert after["text"].to_pylist() == [LINE, "", LINE]
    assert len(C4Lines().format(batch=one.slice(0, 0), tally=Tally())) == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_it_conforms_to_the_contract(shape: str) -> None:
    report = check(C4Lines(), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []
