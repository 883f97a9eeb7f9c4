"""The score `quality` learns what is good from examples, and says how well."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import DataError, PipelineError
from finery.testing import MemoryJournal, check, memo, sample
from finery.testing.dataset import MemoryDataset
from finery_plugins.score.quality import Quality
from finery_plugins.text.linear import described

SUBJECTS = ("The mill", "A keeper", "My neighbour", "The old bridge", "Her letter", "This method", "The second part")
VERBS = ("explains why", "shows how", "tells us that", "makes it plain that", "was built so that", "proves that")
OBJECTS = (
    "bread rises in a warm room",
    "the water comes back",
    "the tide follows the moon",
    "copper melts",
    "ice floats",
)
JUNK = (
    "click here",
    "buy now",
    "free shipping",
    "log in",
    "subscribe",
    "cookies",
    "menu",
    "sale",
    "share",
    "next page",
)

JOURNAL = MemoryJournal()


def good_text(generator: random.Random) -> str:
    parts = [f"{generator.choice(SUBJECTS)} {generator.choice(VERBS)} {generator.choice(OBJECTS)}." for _ in "123"]
    return " ".join(parts)


def bad_text(generator: random.Random) -> str:
    return " | ".join(generator.choice(JUNK) for _ in range(12))


def texts(make: Callable[[random.Random], str], count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [make(generator) for _ in range(count)]


@pytest.fixture(scope="module")
def dataset(batch_of: Callable[..., pa.Table]) -> MemoryDataset:
    good = batch_of("good", text=texts(good_text, 120, 1))
    return MemoryDataset((good, batch_of("bad", text=texts(bad_text, 200, 2))))


def scores(plugin: Quality, state: Any, batch: pa.Table) -> list[Any]:
    found: list[Any] = plugin.score(batch=batch, state=state, memo=memo())["quality"].to_pylist()
    return found


def test_new_texts_are_told_apart(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    plugin = Quality(good=["good"], bad=["bad"])
    state = plugin.prepare(journal=JOURNAL, dataset=dataset)
    found = scores(plugin, state, batch_of(text=texts(good_text, 20, 3) + texts(bad_text, 20, 4)))
    assert min(found[:20]) > 0.8
    assert max(found[20:]) < 0.2


def test_it_says_what_it_is_worth_on_texts_it_has_not_seen(dataset: MemoryDataset) -> None:
    said = described(Quality(good=["good"], bad=["bad"]).prepare(journal=JOURNAL, dataset=dataset))
    assert said["good"] == 120 and said["bad"] == 200
    assert said["accuracy"] > 0.95 and said["auc"] > 0.98 and said["calibration_error"] < 0.1


def test_labels_without_a_meaning_teach_nothing(batch_of: Callable[..., pa.Table]) -> None:
    mixed = texts(good_text, 100, 5) + texts(bad_text, 100, 6)
    random.Random(7).shuffle(mixed)
    dataset = MemoryDataset((batch_of("good", text=mixed[:100]), batch_of("bad", text=mixed[100:])))
    said = described(Quality(good=["good"], bad=["bad"]).prepare(journal=JOURNAL, dataset=dataset))
    assert 0.3 < said["auc"] < 0.7


def test_chinese_is_read_by_characters(batch_of: Callable[..., pa.Table]) -> None:
    generator = random.Random(8)
    good = ["".join(generator.choices(["水会涨", "村里的人", "春天", "播种", "故事"], k=9)) for _ in range(60)]
    bad = ["".join(generator.choices(["点击", "购买", "包邮", "加微信", "优惠"], k=9)) for _ in range(60)]
    dataset = MemoryDataset((batch_of("good", text=good), batch_of("bad", text=bad)))
    plugin = Quality(good=["good"], bad=["bad"])
    high, low = scores(
        plugin,
        plugin.prepare(journal=JOURNAL, dataset=dataset),
        batch_of(text=["春天水会涨。", "点击购买，包邮！"]),
    )
    assert high > 0.7 > 0.3 > low


def test_the_classifier_does_not_depend_on_order_or_batches(batch_of: Callable[..., pa.Table]) -> None:
    good, bad = texts(good_text, 40, 1), texts(bad_text, 40, 2)
    plugin = Quality(good=["good"], bad=["bad"], buckets=4096)
    states = [
        plugin.prepare(
            journal=JOURNAL, dataset=MemoryDataset((batch_of("good", text=g), batch_of("bad", text=b)), rows)
        )
        for g, b, rows in ((good, bad, 100), (good[::-1], bad[::-1], 7))
    ]
    assert states[0].equals(states[1], check_metadata=True)


def test_examples_may_be_files(dataset: MemoryDataset, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("\n".join(texts(bad_text, 200, 2)))
    by_file = Quality(good=["good"], bad_files=[str(tmp_path / "bad.txt")], buckets=4096)
    by_source = Quality(good=["good"], bad=["bad"], buckets=4096)
    states = [plugin.prepare(journal=JOURNAL, dataset=dataset) for plugin in (by_file, by_source)]
    assert states[0].equals(states[1], check_metadata=True)


def test_a_text_without_words_has_no_quality(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    plugin = Quality()
    found = scores(
        plugin, plugin.prepare(journal=JOURNAL, dataset=dataset), batch_of(text=["", None, "...", "A word."])
    )
    assert [value is None for value in found] == [True, True, True, False]


def test_the_default_tells_sentences_from_menus(dataset: MemoryDataset, batch_of: Callable[..., pa.Table]) -> None:
    plugin = Quality()
    batch = batch_of(
        text=["The water rises in spring because the snow begins to melt.", "Home | Login | Search | Help"]
    )
    sentence, menu = scores(plugin, plugin.prepare(journal=JOURNAL, dataset=dataset), batch)
    assert sentence > 0.8 > 0.3 > menu


def test_a_source_that_is_not_there_is_a_fault(dataset: MemoryDataset) -> None:
    with pytest.raises(PipelineError, match=r"no source 'goo' \(did you mean 'good'\?\)"):
        Quality(good=["goo"], bad=["bad"]).prepare(journal=JOURNAL, dataset=dataset)


def test_too_few_examples_are_a_fault(batch_of: Callable[..., pa.Table]) -> None:
    dataset = MemoryDataset((batch_of("good", text=["one"] * 30), batch_of("bad", text=texts(bad_text, 30, 1))))
    with pytest.raises(DataError, match="'good': holds 1 different texts"):
        Quality(good=["good"], bad=["bad"]).prepare(journal=JOURNAL, dataset=dataset)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"good": ["a"]}, "there are no bad examples"), ({"good": ["a"], "bad": ["a"]}, "both good and bad")],
)
def test_examples_of_one_kind_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Quality(**options)


@pytest.mark.parametrize("options", [{}, {"good": ["text"], "bad": ["preference"]}])
def test_it_keeps_the_contract(options: dict[str, Any]) -> None:
    report = check(Quality(**options), ["text", "preference", "messages"])
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []


def test_the_columns_of_a_record_are_read_whatever_its_shape(dataset: MemoryDataset) -> None:
    plugin = Quality()
    state = plugin.prepare(journal=JOURNAL, dataset=dataset)
    assert None not in scores(plugin, state, sample("alpaca"))
