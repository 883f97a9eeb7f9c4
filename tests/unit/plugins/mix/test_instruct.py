"""The mix `instruct` gives instructions their share of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from finery import Draw, PipelineError, Source
from finery.testing import check
from finery.testing.dataset import MemoryDataset
from finery_plugins.mix.instruct import Instruct

BOOKS = Source("books", 10, {"characters": 6000.0})
WEB = Source("web", 90, {"characters": 3000.0})
CHATS = Source("chats", 50, {"characters": 4000.0})
TASKS = Source("tasks", 50, {"characters": 2000.0})
SOURCES = [BOOKS, WEB, CHATS, TASKS]


def sizes(draw: Draw) -> dict[str, float]:
    return {source.name: float(draw.epochs[source.name]) * source.amount(draw.unit) for source in SOURCES}  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "unit"), [(0.1, "characters"), (0.5, "characters"), (0.9, "records")])
def test_the_share_is_met_and_kinds_keep_their_proportions(share: float, unit: str) -> None:
    draw = Instruct(instructions=["chats", "tasks"], share=share, unit=unit).mix(sources=SOURCES)
    found = sizes(draw)
    assert found["chats"] + found["tasks"] == pytest.approx(share * sum(found.values()))
    assert draw.epochs["chats"] == draw.epochs["tasks"]
    assert draw.epochs["books"] == draw.epochs["web"]
    assert max(draw.epochs.values()) == 1.0  # type: ignore[type-var]


def test_instructions_may_be_repeated_for_more_documents() -> None:
    plugin = Instruct(instructions=["chats", "tasks"], share=0.5, max_instruction_epochs=4)
    assert plugin.mix(sources=SOURCES).epochs == pytest.approx({"books": 1, "web": 1, "chats": 1.5, "tasks": 1.5})


def test_a_total_is_met() -> None:
    found = sizes(Instruct(instructions=["chats", "tasks"], share=0.25, total=2000).mix(sources=SOURCES))
    assert found == pytest.approx({"books": 1000, "web": 500, "chats": 1000 / 3, "tasks": 500 / 3})


def test_a_total_beyond_the_epochs_is_a_fault() -> None:
    with pytest.raises(PipelineError, match="20000 is more than the 12000 characters"):
        Instruct(instructions=["chats", "tasks"], share=0.5, total=20_000).mix(sources=SOURCES)


@pytest.mark.parametrize(
    ("names", "said"), [(["chat"], "did you mean 'chats'"), (["books", "web", "chats", "tasks"], "leave documents")]
)
def test_names_that_make_no_mix_are_faults(names: list[str], said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        Instruct(instructions=names, share=0.5).mix(sources=SOURCES)


def test_a_source_that_cannot_be_pre_trained_on_is_a_fault_with_a_remedy(batch_of: Callable[..., pa.Table]) -> None:
    turns: Any = pa.array([[{"role": "user", "content": "why"}]])
    dataset = MemoryDataset((batch_of("web", text=["a"]), batch_of("chats", messages=turns)))
    with pytest.raises(PipelineError, match=r"'chats': has no text .*format = \"transcript\""):
        Instruct(instructions=["chats"], share=0.5).prepare(dataset=dataset)


def test_it_keeps_the_contract() -> None:
    report = check(Instruct(instructions=["classification"], share=0.2), ["text", "classification"])
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []
