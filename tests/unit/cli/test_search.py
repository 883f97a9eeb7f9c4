"""`finery search`: the records of a run by their text, each with where it comes from."""

from __future__ import annotations

import pytest
from workshop import Workshop

from finery.errors import UsageError

pytest.importorskip("tantivy")


def test_the_records_that_the_training_saw_come_with_their_origin(workshop: Workshop) -> None:
    found = workshop.json("search", "river", "--run", workshop.first)
    assert (found["stage"], found["total"]) == ("toy", 4)
    assert {hit["text"] for hit in found["hits"]} == {"a river of words", "a river of sand"}
    assert {(hit["source"], hit["file"]) for hit in found["hits"]} <= {("a", "a.jsonl"), ("a", None)}
    assert all("river" in hit["excerpt"] for hit in found["hits"])
    assert workshop.lines("search", "river")[-1] == f"2 records of run {workshop.second} at 'toy' hold it"


def test_a_stage_names_how_the_records_stood(workshop: Workshop) -> None:
    found = workshop.json("search", "river", "--stage", "read-a")
    assert [(hit["file"], hit["line"]) for hit in found["hits"]] == [("a.jsonl", 2), ("a.jsonl", 4)]
    assert workshop.json("search", "blue and", "--phrase", "--stage", "read-b")["total"] == 1
    assert workshop.json("search", "river words", "--phrase", "--stage", "read-a")["total"] == 0
    assert workshop.json("search", "a river of tin", "--ngram", "3", "--stage", "read-a")["total"] == 2


def test_what_does_not_exist_is_told_with_what_does(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="did you mean 'toy'"):
        workshop.ask("search", "river", "--stage", "toyy")
    with pytest.raises(UsageError, match="evaluates: name one of read-a, read-b, short, halves, twice, toy"):
        workshop.ask("search", "river", "--stage", "counting")
    with pytest.raises(UsageError, match="no source 'c'"):
        workshop.ask("search", "river", "--source", "c")
    with pytest.raises(UsageError, match="exclude each other"):
        workshop.ask("search", "river", "--phrase", "--ngram", "2")
