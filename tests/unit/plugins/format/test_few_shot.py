"""The format `few-shot` shows examples from the data, never the record itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError, Stage
from finery.testing import check, sample
from finery.testing.dataset import MemoryDataset
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.few_shot import FewShot
from finery_plugins.format.ngrams import LENGTH, cosines, features, hashed

BatchOf = Callable[..., pa.Table]
QUESTIONS = ["how deep is the lake", "how deep is the sea", "who baked the bread", "who baked this cake", "灯塔有多高"]


def shown(batch: pa.Table, stage: Stage, **options: Any) -> list[list[str]]:
    plugin = FewShot(template="{question}={answer}", separator="|", **options)
    after = plugin.format(batch=batch, state=plugin.prepare(MemoryDataset((batch,)), stage), stage=stage)
    return [text.split("|") for text in after["instruction"].to_pylist()]


def lake(batch_of: BatchOf) -> pa.Table:
    return batch_of(instruction=QUESTIONS, output=["a", "b", "c", "d", "e"])


def test_the_most_similar_stands_right_before_the_question(batch_of: BatchOf, stage: Stage) -> None:
    prompts = shown(lake(batch_of), stage, shots=2)
    assert prompts[0][1:] == ["how deep is the sea=b", "how deep is the lake="]
    assert prompts[3][1:] == ["who baked the bread=c", "who baked this cake="]
    first = shown(lake(batch_of), stage, shots=2, order="nearest-first")
    assert [row[:2] for row in first] == [row[1::-1] for row in prompts]


@pytest.mark.parametrize("pick", ["similar", "diverse", "chance"])
def test_a_record_is_never_its_own_example(batch_of: BatchOf, stage: Stage, pick: str) -> None:
    batch = batch_of(instruction=["same", "same", "other", "third"], output=["a", "b", "c", "d"])
    for question, prompt in zip(batch["instruction"].to_pylist(), shown(batch, stage, shots=9, pick=pick), strict=True):
        asked = [example.split("=")[0] for example in prompt[:-1]]
        assert question not in asked
        assert len(asked) == len(set(asked)) == 2


def test_diverse_examples_repeat_each_other_less(batch_of: BatchOf, stage: Stage) -> None:
    near = ["deep lake one", "deep lake two", "deep lake six", "deep river"]
    batch = batch_of(instruction=[*near, "deep lake"], output=list("abcde"))
    similar, diverse = (shown(batch, stage, shots=2, pick=pick, relevance=0.3)[4] for pick in ("similar", "diverse"))
    assert "deep river=d" not in similar
    assert "deep river=d" in diverse


def test_the_pool_is_bounded_and_the_same_in_any_batches(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(instruction=[f"q{n}" for n in range(100)], output=["a"] * 100)
    pools = [FewShot(pool=7).prepare(MemoryDataset((batch,), rows), stage) for rows in (3, 1000)]
    assert len(pools[0]) == 7
    assert pools[0].equals(pools[1])


def test_only_the_training_split_and_the_sources_named_give_examples(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(instruction=["a", "b", "c"], output=["x", "y", ""], split=["train", "test", "train"])
    assert FewShot().prepare(MemoryDataset((batch,)), stage)["question"].to_pylist() == ["a"]
    assert len(FewShot(sources=["other"]).prepare(MemoryDataset((batch,)), stage)) == 0
    assert shown(batch, stage, sources=["other"]) == [["a"], ["b"], ["c"]]


def test_examples_become_turns_of_a_dialogue(batch_of: BatchOf, stage: Stage) -> None:
    def turns(*said: tuple[str, str]) -> list[dict[str, str]]:
        return [{"role": role, "content": content} for role, content in said]

    one = turns(("system", "s"), ("user", "q1"), ("assistant", "a1"))
    two = turns(("user", "q2"), ("assistant", "a2"))
    batch = batch_of(messages=pa.array([one, two, [], None], MESSAGES))
    plugin = FewShot(shots=1)
    after = plugin.format(batch=batch, state=plugin.prepare(MemoryDataset((batch,)), stage), stage=stage)
    assert after["messages"].to_pylist() == [[one[0], *two, *one[1:]], [*one[1:], *two], [], None]


def test_an_input_is_part_of_the_question(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(instruction=["add", "sum"], input=["1 2", None], output=["3", "0"])
    plugin = FewShot(shots=1)
    after = plugin.format(batch=batch, state=plugin.prepare(MemoryDataset((batch,)), stage), stage=stage)
    assert after["instruction"].to_pylist() == ["sum\n0\n\nadd\n\n1 2", "add\n\n1 2\n3\n\nsum"]
    assert after["input"].to_pylist() == ["", ""]


def plain_cosine(left: str, right: str) -> float:
    """The cosine of counts in plain Python, over the buckets that the kernel hashes to."""
    one, other = (Counter(bucket for gram in grams(text) for bucket in hashed(gram).tolist()) for text in (left, right))
    norms = [math.sqrt(sum(count**2 for count in counts.values())) or 1 for counts in (one, other)]
    return sum(count * other[bucket] for bucket, count in one.items()) / (norms[0] * norms[1])


def grams(text: str) -> list[str]:
    folded = text.lower()
    return [folded[at : at + LENGTH] for at in range(max(1, len(folded) - LENGTH + 1))] if folded else []


@given(st.lists(st.text("abc 灯İ", max_size=12), min_size=1, max_size=6), st.text("abc 灯", max_size=12))
def test_cosines_agree_with_plain_python(texts: list[str], asked: str) -> None:
    (found,) = cosines([asked], features(texts))
    assert np.allclose(found, [plain_cosine(asked, text) for text in texts], atol=1e-12)


def test_shapes_without_answers_are_a_fault(batch_of: BatchOf, stage: Stage) -> None:
    with pytest.raises(PipelineError, match="'few-shot' finds no dialogue in 'text'"):
        shown(batch_of(text=["a"]), stage)


@pytest.mark.parametrize("options", [{"shots": 0}, {"pool": 1}, {"template": "{answer} {question}"}, {"relevance": 2}])
def test_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FewShot(**options)


def prompts() -> pa.Table:
    batch = sample("text")
    return batch.rename_columns(["id", "source", "prompt"]).append_column("completion", batch["text"])


@pytest.mark.parametrize("pick", ["similar", "diverse", "chance"])
def test_few_shot_conforms(pick: Any) -> None:
    for samples in ("alpaca", "messages", "classification", prompts()):
        report = check(FewShot(pick=pick, shots=3), samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
