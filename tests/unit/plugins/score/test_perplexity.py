"""The score `perplexity` tells text like its reference from other text, and measures all bytes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import DataError, PipelineError, Stage, UsageError
from finery.testing import check, sample
from finery.testing.dataset import MemoryDataset
from finery_plugins.score.perplexity import Perplexity

STAGE = Stage("perplexity", "score", "perplexity", 17)
PROSE = [
    "The mill stood above the weir.",
    "The water reached the third step of the stair.",
    "Bread rises faster in a warm kitchen.",
    "A keeper winds the clock and writes the weather into the log.",
]


def scored(plugin: Perplexity, reference: pa.Table, batch: pa.Table) -> dict[str, list[Any]]:
    """The columns of a batch under a model of the reference."""
    state = plugin.prepare(dataset=MemoryDataset((reference,)))
    return {name: column.to_pylist() for name, column in plugin.score(batch=batch, state=state, stage=STAGE).items()}


@pytest.mark.parametrize(("unit", "order"), [("words", 3), ("characters", 4), ("bytes", 4)])
def test_text_like_the_reference_is_less_surprising(batch_of: Callable[..., pa.Table], unit: Any, order: int) -> None:
    plugin = Perplexity(reference=["good"], unit=unit, order=order, min_count=1)
    batch = batch_of(text=["The water stood above the stair.", "stair the above stood water The.", "zxq qqzx vvkk jjq"])
    like, shuffled, noise = scored(plugin, batch_of("good", text=PROSE), batch)["bits_per_byte"]
    assert like < shuffled < noise


def test_perplexity_and_bits_per_byte_are_of_the_same_nats(batch_of: Callable[..., pa.Table]) -> None:
    plugin = Perplexity(reference=["good"], unit="bytes", order=3)
    text = "The mill, and Ünïcode."
    found = scored(plugin, batch_of("good", text=PROSE), batch_of(text=[text]))
    size = len(text.encode())
    assert math.log2(found["perplexity"][0]) * (size + 1) == pytest.approx(found["bits_per_byte"][0] * size)


def test_a_byte_model_spends_at_most_a_byte_of_unmet_bytes_and_little(batch_of: Callable[..., pa.Table]) -> None:
    plugin = Perplexity(reference=["good"], unit="bytes", order=1)
    (bits,) = scored(plugin, batch_of("good", text=["ab" * 500]), batch_of(text=["ababab"]))["bits_per_byte"]
    assert 1 < bits < 3  # two bytes in turn are one bit each to an order of 1, and the end is rare


def test_an_empty_text_has_no_perplexity(batch_of: Callable[..., pa.Table]) -> None:
    plugin = Perplexity(reference=["good"])
    found = scored(plugin, batch_of("good", text=PROSE), batch_of(text=["", None, "The mill"]))
    assert [value is None for value in found["perplexity"]] == [True, True, False]
    assert [value is None for value in found["bits_per_byte"]] == [True, True, False]


def test_a_reference_may_be_a_file(batch_of: Callable[..., pa.Table], tmp_path: Path) -> None:
    (tmp_path / "prose.txt").write_text("\n".join(PROSE))
    by_file = Perplexity(reference_files=[str(tmp_path / "prose.txt")])
    by_source = Perplexity(reference=["good"])
    good, batch = batch_of("good", text=PROSE), batch_of(text=["The third mill"])
    assert scored(by_file, good, batch) == scored(by_source, good, batch)


def test_a_model_does_not_depend_on_the_batches_of_its_reference(batch_of: Callable[..., pa.Table]) -> None:
    good, plugin = batch_of("good", text=PROSE * 3), Perplexity(reference=["good"], reference_bytes=1000)
    states = [plugin.prepare(dataset=MemoryDataset((good,), rows)) for rows in (2, 100)]
    assert states[0].equals(states[1], check_metadata=True)


def test_a_source_that_is_not_there_is_a_fault_with_a_remedy(batch_of: Callable[..., pa.Table]) -> None:
    with pytest.raises(PipelineError, match=r"no source 'god' \(did you mean 'good'\?\)"):
        Perplexity(reference=["god"]).prepare(dataset=MemoryDataset((batch_of("good", text=PROSE),)))


def test_a_reference_without_text_is_a_fault(batch_of: Callable[..., pa.Table]) -> None:
    with pytest.raises(DataError, match="holds no text"):
        Perplexity(reference=["good"]).prepare(dataset=MemoryDataset((batch_of("good", text=["", None]),)))


@pytest.mark.parametrize("options", [{}, {"reference": ["a"], "causal": "b"}])
def test_one_model_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give one of reference"):
        Perplexity(**options)


@pytest.mark.parametrize("unit", ["words", "bytes"])
def test_it_keeps_the_contract(unit: Any) -> None:
    report = check(Perplexity(reference=["text"], unit=unit), ["text", "messages"])
    assert [str(fault) for fault in report.faults] == []
    assert [result for result in report.results if result.skipped] == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A folder with a causal language model of random weights and a tokenizer of its own."""
    torch = pytest.importorskip("torch")
    from finery_plugins.train.architecture import Shape, fresh_model
    from finery_plugins.train.tokenizer import trained_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = trained_tokenizer(PROSE, 300, 32)
    torch.manual_seed(17)
    shape = Shape("llama", 1, 16, 2, None, 32, True, {})
    fresh_model(shape, tokenizer, "test").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    yield str(folder)


def by_hand(folder: str, text: str) -> tuple[float, int]:
    """Nats and tokens of one text that fits into one window, by the model's own logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    with torch.no_grad():
        chances = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return -sum(float(chances[at, one]) for at, one in enumerate(ids[1:])), len(ids) - 1


def test_a_causal_model_gives_the_nats_of_its_own_logits(batch_of: Callable[..., pa.Table], tiny: str) -> None:
    text = "The mill stood."
    found = Perplexity(causal=tiny).score(batch=batch_of(text=[text, ""]), state=None, stage=STAGE)
    nats, tokens = by_hand(tiny, text)
    assert found["perplexity"].to_pylist() == [pytest.approx(math.exp(nats / tokens), rel=1e-4), None]
    assert found["bits_per_byte"].to_pylist() == [pytest.approx(nats / math.log(2) / len(text), rel=1e-4), None]


def test_neighbours_do_not_change_what_a_causal_model_says(tiny: str) -> None:
    plugin, batch = Perplexity(causal=tiny, context=16, stride=4), sample("text").slice(0, 6)
    together = plugin.score(batch=batch, state=None, stage=STAGE)["perplexity"].to_pylist()
    alone = [
        plugin.score(batch=batch.slice(row, 1), state=None, stage=STAGE)["perplexity"][0].as_py() for row in range(6)
    ]
    assert together == alone


def test_a_causal_model_that_is_not_there_is_a_fault(batch_of: Callable[..., pa.Table], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="there is no model at"):
        Perplexity(causal=str(tmp_path / "none")).score(batch=batch_of(text=["a"]), state=None, stage=STAGE)
