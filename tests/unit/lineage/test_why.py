"""The story of a record: every stage that saw it, how it ended, who came of it."""

from __future__ import annotations

from uuid import UUID

import pytest
from ledger import Ledger, curated, rec

from finery.errors import UsageError
from finery.lineage.life import Event
from finery.lineage.why import Story, lives, resolve, tell


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """The curated run."""
    curated(ledger)
    return ledger


def story(ledger: Ledger, number: int) -> Story:
    """The story of one record in the last run."""
    with ledger.read() as (connection, run):
        return tell(connection, run, rec(number))


def fates(ledger: Ledger, number: int) -> list[tuple[str, str]]:
    """Stage and fate of each event."""
    return [(event.stage, event.fate) for event in story(ledger, number).life.events]


def event(ledger: Ledger, number: int, stage: str) -> Event:
    """What became of a record at a stage."""
    return next(event for event in story(ledger, number).life.events if event.stage == stage)


def test_a_record_that_stays_is_told_at_every_stage_that_saw_its_source(told: Ledger) -> None:
    found = [("read-b", "read"), ("short", "kept"), ("mix", "drawn"), ("pretrain", "trained")]
    assert fates(told, 11) == found


def test_a_record_knows_its_file_and_line(told: Ledger) -> None:
    life = story(told, 11).life
    assert (life.source, life.file, life.line) == ("b", "b.jsonl", 11)


def test_a_dropped_record_ends_there_with_value_bound_and_detail(told: Ledger) -> None:
    assert fates(told, 1) == [("read-a", "read"), ("short", "dropped")]
    last = event(told, 1, "short")
    assert (last.reason, last.value, last.bound, last.detail) == ("few-words", 3.0, 5.0, "also: ugly")


def test_a_record_that_made_a_plugin_raise_failed(told: Ledger) -> None:
    last = event(told, 12, "short")
    assert (last.fate, last.detail) == ("failed", "ValueError: no")


def test_a_merged_record_names_the_one_that_stands_for_it_and_its_line(told: Ledger) -> None:
    other = event(told, 2, "exact").other
    assert other is not None
    assert (UUID(other.record), other.file, other.line) == (rec(3), "a.jsonl", 3)


def test_a_survivor_names_those_it_stands_for(told: Ledger) -> None:
    kept = event(told, 3, "exact")
    assert (kept.stands_for_total, [UUID(kin.record) for kin in kept.stands_for]) == (1, [rec(2)])
    assert kept.stands_for[0].line == 2


def test_a_row_that_could_not_be_read_tells_its_source_line_and_cause(told: Ledger) -> None:
    found = story(told, 99).life
    assert (found.source, len(found.events)) == ("a", 1)
    assert (found.events[0].fate, found.events[0].detail) == ("failed", "a.jsonl:5: no brace")


def test_a_record_that_split_ends_and_lives_on_in_its_children(told: Ledger) -> None:
    found = story(told, 3)
    assert fates(told, 3)[-1] == ("cut", "split")
    assert [UUID(life.record) for life in found.descendants] == [rec(31), rec(32)]
    assert (found.descendants_total, event(told, 3, "cut").children_total) == (2, 2)


def test_a_child_begins_at_its_birth_and_tells_its_ancestors(told: Ledger) -> None:
    found = story(told, 31)
    assert fates(told, 31) == [("cut", "born"), ("mix", "kept"), ("pretrain", "trained")]
    assert (found.life.source, found.life.file, found.life.born) == ("a", None, "cut")
    assert [(UUID(life.record), life.line) for life in found.ancestors] == [(rec(3), 3)]


def test_a_record_that_was_drawn_again_goes_on(told: Ledger) -> None:
    assert ("mix", "drawn") in fates(told, 11)
    assert ("pretrain", "trained") in fates(told, 11)
    assert fates(told, 111) == [("mix", "born"), ("pretrain", "trained")]


def test_training_tells_times_steps_and_tokens(told: Ledger) -> None:
    found = event(told, 31, "pretrain")
    assert (found.times, found.first_step, found.last_step, found.tokens) == (2, 1, 4, 20)


def test_a_record_that_no_step_used_is_told_so(told: Ledger) -> None:
    assert fates(told, 32)[-2:] == [("pretrain", "unused"), ("test", "evaluated")]


def test_an_evaluation_tells_what_it_measured_of_the_record(told: Ledger) -> None:
    assert event(told, 32, "test").measures == {"nll": 1.25}


def test_a_stage_that_is_not_finished_ends_the_story(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["read-a read ra", "read-b read rb", "short filter f0", "next filter f1"])
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.origins("ra", "a", [1])
    assert fates(ledger, 1) == [("read-a", "read"), ("short", "waiting")]


def test_a_record_dropped_behind_a_training_still_tells_its_steps(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["read-a read ra", "pretrain train t0", "short filter f0"])
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.artifact("t0", "pretrain", "train", {"a": "ra/a"})
    ledger.artifact("f0", "short", "filter", {"a": "ra/a"})
    ledger.origins("ra", "a", [1])
    ledger.insert("steps", ["t0", 7, 0, rec(1), 0, 5])
    ledger.decide("f0", 1, "few-words")
    assert fates(ledger, 1) == [("read-a", "read"), ("pretrain", "trained"), ("short", "dropped")]


def test_what_another_run_decided_is_not_told(told: Ledger) -> None:
    told.run("20260102-000000-bbbb", ["read-b read rb", "long filter f9"], minute=5)
    told.artifact("f9", "long", "filter", {"b": "rb/b"})
    told.decide("f9", 11, "many-words")
    with told.read("20260101") as (connection, run):
        assert "dropped" not in [event.fate for event in tell(connection, run, rec(11)).life.events]
    assert fates(told, 11) == [("read-b", "read"), ("long", "dropped")]


def test_a_record_that_never_was_is_a_usage_error(told: Ledger) -> None:
    with pytest.raises(UsageError, match="never was in run"):
        story(told, 12345)


def test_a_record_of_another_run_is_an_error_that_names_the_run(told: Ledger) -> None:
    told.run("20260102-000000-bbbb", ["read-b read rb"], minute=5)
    with pytest.raises(UsageError, match="--run 20260101-000000-aaaa"):
        story(told, 1)


def test_an_id_can_be_cut_to_six_digits(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["read-a read ra"])
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ids = ["abcdef12-0000-0000-0000-000000000001", "abcdef13-0000-0000-0000-000000000001"]
    ledger.insert("origins", *(["ra", UUID(one), "a", "a.jsonl", 1] for one in ids))
    with ledger.read() as (connection, run):
        assert resolve(connection, run, "ABCDEF12") == UUID(ids[0])
        assert resolve(connection, run, "abcdef12-00") == UUID(ids[0])
        assert resolve(connection, run, "abcdef99") is None
        assert resolve(connection, run, "abcde") is None
        assert resolve(connection, run, "not hex") is None
        with pytest.raises(UsageError, match=r"could be abcdef12-.*, abcdef13-"):
            resolve(connection, run, "abcdef")


def test_lives_of_several_records_come_in_the_order_asked_for(told: Ledger) -> None:
    with told.read() as (connection, run):
        found = lives(connection, run, [rec(12), rec(1), rec(11)])
    assert [life.last.fate if life.last else "kept" for life in found] == ["failed", "dropped", "kept"]


def test_many_descendants_are_counted_and_some_are_told(ledger: Ledger) -> None:
    ledger.run("20260101-000000-aaaa", ["read-a read ra", "cut format c0"])
    ledger.artifact("ra", "read-a", "read", {"a": "a"})
    ledger.artifact("c0", "cut", "format", {"a": "ra/a"})
    ledger.origins("ra", "a", [1])
    ledger.insert("parents", *(["c0", rec(100 + n), rec(1)] for n in range(30)))
    found = story(ledger, 1)
    assert (found.descendants_total, len(found.descendants)) == (30, 20)
