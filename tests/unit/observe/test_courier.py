"""The courier takes events to a tracker in order, and a tracker that is down costs one line."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import MissingExtra
from finery_plugins.observe.courier import MOST, Courier, require
from finery_plugins.observe.figures import Figure, figures, parameters


class Moody:
    """A tracker that refuses some of its deliveries."""

    def __init__(self, refused: Sequence[bool] = ()) -> None:
        self.refused = list(refused)
        self.kept: list[int] = []
        self.sizes: list[int] = []

    def take(self, events: Sequence[int]) -> None:
        if self.refused and self.refused.pop(0):
            raise ConnectionError("nobody there")
        self.kept += events
        self.sizes.append(len(events))


@given(st.lists(st.booleans(), max_size=6), st.integers(0, 40))
def test_everything_arrives_once_and_in_order_however_often_it_is_refused(refused: list[bool], count: int) -> None:
    moody = Moody(refused)
    courier = Courier("test", moody.take, pauses=(0.0,))
    for event in range(count):
        courier.send(event)
    courier.close(20)
    assert moody.kept == list(range(count))


def test_a_tracker_that_is_down_is_told_of_once_and_what_was_given_up_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    courier = Courier("test", Moody([True] * 10_000).take, pauses=(0.01,))
    for event in range(3):
        courier.send(event)
    courier.close(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "test: does not take events (ConnectionError: nobody there); the run goes on and tries again",
        "test: gave up 3 events; the lineage has what they say: see finery sql",
    ]


def test_a_tracker_that_hangs_does_not_hold_the_run_longer_than_its_patience() -> None:
    gate = threading.Event()
    courier = Courier("test", lambda events: gate.wait(30) and None)
    courier.send(1)
    courier.close(0.2)
    assert courier.thread.is_alive()
    gate.set()
    courier.thread.join(5)


def test_deliveries_are_no_larger_than_a_tracker_takes() -> None:
    moody, gate = Moody(), threading.Event()

    def take(events: Sequence[int]) -> None:
        gate.wait(10)
        moody.take(events)

    courier = Courier("test", take)
    for event in range(3 * MOST):
        courier.send(event)
    gate.set()
    courier.close(20)
    assert sum(moody.sizes) == 3 * MOST
    assert max(moody.sizes) <= MOST


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(
        MissingExtra, match=r"observer 'x': needs the library 'no_such.part': pip install 'finery\[x\]'"
    ):
        require("no_such.part", "observer 'x'", "x")


def test_parameters_have_dotted_names_and_no_secret() -> None:
    pipeline = {
        "seed": 3,
        "source": [{"name": "a", "path": "x"}],
        "stage": [{"filter": "length", "min_words": 2}, {"id": "toy", "train": "sft", "api_key": "s3cret"}],
        "observer": [{"use": "jsonlines", "options": {"path": "p", "headers": {"x": "s3cret"}}}],
    }
    assert parameters(pipeline) == {
        "seed": "3", "source.a.name": "a", "source.a.path": "x", "stage.length-1.filter": "length",
        "stage.length-1.min_words": "2", "stage.toy.id": "toy", "stage.toy.train": "sft",
        "observer.jsonlines-1.use": "jsonlines", "observer.jsonlines-1.options.path": "p",
    }  # fmt: skip


def test_a_summary_becomes_numbers_by_source() -> None:
    summary = {
        "seconds": 1.5,
        "sources": {"a": {"in": 3, "kept": 2, "reasons": {"few-words": 1}}},
        "metrics": {"bits_per_byte/a": 0.9, "loss": 2},
    }
    assert list(figures("s", summary)) == [
        Figure("s", "seconds", 1.5),
        Figure("s", "records/in", 3.0, "a"),
        Figure("s", "records/kept", 2.0, "a"),
        Figure("s", "reasons/few-words", 1.0, "a"),
        Figure("s", "bits_per_byte", 0.9, "a"),
        Figure("s", "loss", 2.0),
    ]
