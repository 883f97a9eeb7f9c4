"""`finery why`: one record's story, or the records that hold a text."""

from __future__ import annotations

import pytest
from workshop import Workshop

from finery.errors import UsageError


def test_a_text_that_one_record_holds_leads_to_its_story(workshop: Workshop) -> None:
    lines = workshop.lines("why", "of sand")
    assert lines[0].endswith(f" a, a.jsonl:4 (run {workshop.second})")
    assert lines[1:] == ["read-a: read", "short: dropped: short, 15 against 16"]


def test_an_earlier_run_can_be_asked(workshop: Workshop) -> None:
    lines = workshop.lines("why", "of sand", "--run", workshop.first)
    assert lines[1:4] == ["read-a: read", "short: kept", "twice: drawn 2 times"]
    assert lines[-1] == "toy: trained on once (1 tokens), in step 0"


def test_children_hang_where_they_were_born(workshop: Workshop) -> None:
    shown = workshop.ask("why", "blue and", "--run", workshop.first).splitlines()
    assert shown[3] == "  halves: became 2 records"
    assert shown[4].startswith("    ")
    assert shown[5] == "      halves: born"


def test_a_child_is_told_behind_its_parent(workshop: Workshop) -> None:
    child = workshop.json("why", "blue and", "--run", workshop.first)["descendants"][0]["record"]
    lines = workshop.lines("why", child, "--run", workshop.first)
    assert lines[0].endswith("b, b.jsonl:1")
    assert any(line.startswith(f"{child} b, born by halves") for line in lines)


def test_several_records_are_listed_with_their_fates(workshop: Workshop) -> None:
    found = workshop.json("why", "river")
    assert (found["total"], [hit["line"] for hit in found["hits"]]) == (2, [2, 4])
    assert [hit["fate"] for hit in found["hits"]] == ["kept", "dropped by short: short"]
    assert workshop.lines("why", "river")[0] == "record source place fate excerpt"


def test_a_row_that_could_not_be_read_is_found_by_its_line(workshop: Workshop) -> None:
    assert "read-a: failed: not-json (a.jsonl:3: " in workshop.ask("why", "a.jsonl:3")


def test_a_story_as_json_names_every_stage(workshop: Workshop) -> None:
    story = workshop.json("why", "of words")
    assert set(story) == {"run", "record", "ancestors", "life", "descendants", "descendants_total"}
    assert [event["stage"] for event in story["life"]["events"]] == ["read-a", "short", "twice", "toy"]
    assert workshop.json("why", story["record"][:8]) == story


@pytest.mark.parametrize("words", ["nothing like it", "00000000-0000-0000-0000-000000000000", " "])
def test_what_is_nowhere_is_a_usage_error(workshop: Workshop, words: str) -> None:
    with pytest.raises(UsageError):
        workshop.ask("why", words)
