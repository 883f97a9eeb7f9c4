"""Perplexity: what a plain forward pass says, summed by source; chats by their answers; a baseline beside it."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_samples import MemoryDataset, MemoryJournal, chats, dataset, sentences

from finery import DataError, Evaluation, Model, Stage, UsageError, World
from finery_plugins.evaluate.perplexity import Perplexity
from finery_plugins.evaluate.scoring import Item, windows
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.tokenizer import TURN_ENDS, loaded_tokenizer, plain_ids
from finery_plugins.train.tokens import UNTRAINED

HELD_OUT = sentences(10, salt=300, length=40)


@pytest.fixture
def texts() -> MemoryDataset:
    marked = {"text": [*sentences(30), *HELD_OUT], "split": ["train"] * 30 + ["validation"] * 10}
    return dataset({"forge": marked, "smithy": {"text": sentences(12, salt=500)}})


@pytest.fixture
def measure(tmp_path, base: Model):
    """Evaluate with a plugin: `measure(plugin, examples, stage id, model)`."""

    def run(plugin: Perplexity, examples: MemoryDataset, name: str = "after", model: Model | None = base) -> Evaluation:
        stage = Stage(id=name, hook="evaluate", plugin="perplexity", seed=len(name))
        return plugin.evaluate(model, examples, World(), stage, MemoryJournal())

    return run


def nats(network, ids: list[int]) -> list[float]:
    """The nats of each token but the first, by the model's plain logits."""
    import torch

    with torch.no_grad():
        logits = network(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return [-logits[k, token].item() for k, token in enumerate(ids[1:])]


def by_id(evaluation: Evaluation) -> dict[object, dict[str, float]]:
    """The items by record."""
    return {row["item"]: row for row in evaluation.items.to_pylist()}


def test_each_record_costs_what_a_forward_pass_says(measure, texts: MemoryDataset, base: Model) -> None:
    network, tokenizer = loaded_model(base, "test").eval(), loaded_tokenizer(base, "test")
    found = by_id(measure(Perplexity(context=64), texts))
    assert len(found) == 22
    held_out = texts.tables["forge"].slice(30).to_pylist()
    for record in held_out:
        (ids,) = plain_ids(tokenizer, [record["text"]])
        row = found[record["id"]]
        assert (row["tokens"], row["bytes"]) == (len(ids), len(record["text"].encode()))
        assert row["nll"] == pytest.approx(sum(nats(network, [tokenizer.bos_token_id, *ids])), rel=1e-5)


def test_long_records_are_cut_into_windows(measure, texts: MemoryDataset, base: Model) -> None:
    network, tokenizer = loaded_model(base, "test").eval(), loaded_tokenizer(base, "test")
    found = by_id(measure(Perplexity(context=16), texts))
    record = texts.tables["forge"].slice(30, 1).to_pylist()[0]
    ids = [tokenizer.bos_token_id, *plain_ids(tokenizer, [record["text"]])[0]]
    parts = [nats(network, ids[start : start + 17]) for start in range(0, len(ids) - 1, 16)]
    assert len(parts) > 2
    assert found[record["id"]]["nll"] == pytest.approx(sum(map(sum, parts)), rel=1e-5)


def test_a_stride_gives_every_token_more_context(measure, texts: MemoryDataset, base: Model) -> None:
    network, tokenizer = loaded_model(base, "test").eval(), loaded_tokenizer(base, "test")
    found = by_id(measure(Perplexity(context=16, stride=1), texts))
    record = texts.tables["forge"].slice(30, 1).to_pylist()[0]
    ids = [tokenizer.bos_token_id, *plain_ids(tokenizer, [record["text"]])[0]]
    expected = sum(nats(network, ids[max(0, end - 16) : end + 1])[-1] for end in range(1, len(ids)))
    assert found[record["id"]]["nll"] == pytest.approx(expected, rel=1e-5)


@given(st.integers(2, 80), st.integers(1, 20), st.integers(1, 20), st.data())
def test_every_scored_token_is_scored_once(length: int, context: int, stride: int, data) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=length, max_size=length))
    sequence = np.array([token if flag else ~token for token, flag in enumerate(flags)])
    found = list(windows([Item([sequence], 1)], context, min(stride, context)))
    scored = Counter(token for window in found for token in window.labels.tolist() if token != UNTRAINED)
    assert scored == Counter(token for token in range(1, length) if flags[token])
    assert all(len(window.ids) == len(window.labels) <= context for window in found)
    for window in found:
        wanted = window.labels != UNTRAINED
        assert (window.ids[wanted] == window.labels[wanted] - 1).all()


def test_batches_change_no_number(measure, texts: MemoryDataset) -> None:
    one = measure(Perplexity(batch_tokens=1), texts).metrics
    many = measure(Perplexity(batch_tokens=100_000), texts).metrics
    assert one == pytest.approx(many, rel=1e-5)


def test_sources_add_up_to_all(measure, texts: MemoryDataset) -> None:
    said = measure(Perplexity(), texts)
    rows = said.items.to_pylist()
    bits, size = sum(row["nll"] for row in rows) / math.log(2), sum(row["bytes"] for row in rows)
    assert said.metrics["bits_per_byte"] == pytest.approx(bits / size)
    forge = [row for row in rows if row["source"] == "forge"]
    tokens = sum(row["tokens"] for row in forge)
    nll = sum(row["nll"] for row in forge)
    assert said.metrics["bits_per_token/forge"] == pytest.approx(nll / math.log(2) / tokens)
    assert said.metrics["perplexity/forge"] == pytest.approx(math.exp(nll / tokens))


def test_the_baseline_is_a_smoothed_unigram_of_the_train_rows(measure, texts: MemoryDataset, base: Model) -> None:
    tokenizer = loaded_tokenizer(base, "test")
    counts = Counter(token for ids in plain_ids(tokenizer, sentences(30)) for token in ids)
    total = sum(counts.values()) + len(tokenizer)
    held_out = [token for ids in plain_ids(tokenizer, HELD_OUT) for token in ids]
    bits = -sum(math.log2((counts[token] + 1) / total) for token in held_out)
    said = measure(Perplexity(), texts).metrics
    expected = bits / sum(len(text.encode()) for text in HELD_OUT)
    assert said["unigram_bits_per_byte/forge"] == pytest.approx(expected)
    assert said["bits_per_byte/forge"] < said["unigram_bits_per_byte/forge"]
    assert "unigram_bits_per_byte/smithy" not in said


def test_the_baseline_can_be_left_out(measure, texts: MemoryDataset) -> None:
    assert not [name for name in measure(Perplexity(baseline_bytes=0), texts).metrics if "unigram" in name]


def test_of_chats_the_answers_are_scored_without_their_ends(measure, base: Model) -> None:
    network, tokenizer = loaded_model(base, "test").eval(), loaded_tokenizer(base, "test")
    talks = dataset({"talks": {"messages": chats(3)}})
    found = by_id(measure(Perplexity(), talks))
    for record in talks.tables["talks"].to_pylist():
        ids = tokenizer.apply_chat_template(record["messages"], return_dict=True)["input_ids"]
        costs, answer, expected, count = nats(network, ids), False, 0.0, 0
        opening = tokenizer("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
        for k in range(1, len(ids)):
            if ids[max(0, k - len(opening)) : k] == opening:
                answer = True
            if tokenizer.convert_ids_to_tokens(ids[k]) == TURN_ENDS:
                answer = False
            expected, count = (expected + costs[k - 1], count + 1) if answer else (expected, count)
        row = found[record["id"]]
        answers = [turn["content"] for turn in record["messages"] if turn["role"] == "assistant"]
        assert (row["tokens"], row["bytes"]) == (count, sum(map(len, answers)))
        assert row["nll"] == pytest.approx(expected, rel=1e-5)


def test_a_limit_draws_the_same_records_in_every_stage(measure, texts: MemoryDataset) -> None:
    plugin = Perplexity(limit=4)
    before, after = (measure(plugin, texts, name).items for name in ("before", "after"))
    assert Counter(before["source"].to_pylist()) == {"forge": 4, "smithy": 4}
    assert before["item"].to_pylist() == after["item"].to_pylist()


def test_without_a_model_there_is_nothing_to_measure(measure, texts: MemoryDataset) -> None:
    with pytest.raises(UsageError, match="evaluate 'after': has no model to measure"):
        measure(Perplexity(), texts, model=None)


def test_a_window_beyond_the_model_is_refused(measure, texts: MemoryDataset) -> None:
    with pytest.raises(UsageError, match="`context` is 512, the model knows 64 positions"):
        measure(Perplexity(context=512), texts)


def test_a_split_without_rows_is_named(measure) -> None:
    trained = dataset({"forge": {"text": sentences(3), "split": ["train"] * 3}})
    with pytest.raises(DataError, match="finds nothing to read in split 'validation' of forge"):
        measure(Perplexity(), trained)
