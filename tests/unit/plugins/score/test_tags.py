"""The score `tags` names what instructions ask for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from finery import Stage, Tally, UsageError
from finery.testing import check
from finery.testing.dataset import MemoryDataset
from finery_plugins.score.intentions import READ, intentions
from finery_plugins.score.tags import Tags, asked

BatchOf = Callable[..., pa.Table]

CASES = [
    ("Summarise the text below in two sentences.", {"task/summarise", "constraint/length"}),
    ("Translate this letter into French.", {"task/translate", "constraint/language"}),
    ("Write a Python function that reverses a list.", {"task/code", "task/create"}),
    ("Tom has 3 apples and buys 4 more. How many apples has he?", {"task/maths", "task/question"}),
    ("Classify the review as positive or negative.", {"task/classify", "task/sentiment"}),
    ("Extract all dates from the paragraph as JSON.", {"task/extract", "constraint/format"}),
    ("Rewrite the sentence in a formal tone.", {"task/rewrite", "constraint/style"}),
    ("You are a ship's captain. Describe the storm.", {"task/roleplay", "task/explain"}),
    ("Compare coal and charcoal, do not use tables.", {"task/compare", "constraint/exclude"}),
    ("List five uses of slag for beginners.", {"constraint/count", "constraint/audience"}),
    ("Explain step by step why iron rusts.", {"task/explain", "constraint/steps"}),
    ("Write a poem that must include the word anvil.", {"task/poem", "constraint/include"}),
    ("用三句话总结下面的文章。", {"task/summarise", "constraint/length"}),
    ("把这句话翻译成英文", {"task/translate", "constraint/language"}),
    ("用Python写一个排序函数", {"task/code"}),
    ("小明有5个苹果，吃了2个，还剩多少个？", {"task/maths", "task/question"}),
    ("判断下面的评论属于哪一类，只回答类别。", {"task/classify", "constraint/exclude"}),
    ("请你扮演一名医生，给老人提出建议。", {"task/roleplay", "task/advise"}),
    ("请用幽默的语气写一首诗，不超过100字。", {"task/poem", "constraint/style", "constraint/length"}),
]


@pytest.mark.parametrize(("instruction", "expected"), CASES)
def test_what_is_asked_for_is_found(instruction: str, expected: set[str]) -> None:
    assert expected <= set(intentions(instruction))


@pytest.mark.parametrize("text", ["", "ok", "Thanks.", "好的", "The weir stood above the mill."])
def test_what_asks_for_nothing_has_no_tag(text: str) -> None:
    assert intentions(text) == []


def test_a_long_instruction_is_read_at_both_ends() -> None:
    padding = "nothing. " * READ
    assert "task/translate" in intentions(f"Translate this. {padding}")
    assert "task/translate" in intentions(f"{padding} Translate this.")
    assert intentions(f"{padding} Translate this. {padding}") == []


def test_complexity_counts_tags_and_novelty_is_that_of_the_rarest(batch_of: BatchOf, stage: Stage) -> None:
    batch = batch_of(text=["Translate this.", "Translate this.", "Translate this as JSON.", "ok"])
    tally = Tally()
    state = Tags().prepare(dataset=MemoryDataset((batch,)), stage=stage)
    found = {name: values.to_pylist() for name, values in Tags().score(batch=batch, state=state, tally=tally).items()}
    translate, json = ["task/translate"], ["task/translate", "constraint/format"]
    assert found["tags"] == [translate, translate, json, []]
    assert found["complexity"] == [1, 1, 2, 0]
    assert found["novelty"] == [-math.log(3 / 4)] * 2 + [-math.log(1 / 4), None]
    assert tally == {"tag task/translate": 3, "tag constraint/format": 1, "untagged": 1}


def test_novelty_can_be_left_out(batch_of: BatchOf, stage: Stage) -> None:
    plugin, batch = Tags(novelty=False), batch_of(text=["Translate this."])
    assert plugin.prepare(dataset=MemoryDataset((batch,)), stage=stage) == {}
    assert list(plugin.score(batch=batch, state={}, tally=Tally())) == ["tags", "complexity"]


def test_only_the_sources_of_the_stage_count(batch_of: BatchOf) -> None:
    stage = Stage("tags", "score", "tags", seed=1, only=("one",))
    dataset = MemoryDataset((batch_of("one", text=["Translate this."]), batch_of("other", text=["Translate this."])))
    assert Tags().prepare(dataset=dataset, stage=stage) == {"records": 1, "tags": {"task/translate": 1}}


def turns(*said: tuple[str, str]) -> pa.Array:
    kind = pa.list_(pa.struct([("from", pa.large_string()), ("value", pa.large_string())]))
    return pa.array([[{"from": who, "value": what} for who, what in said], None], kind)


def test_what_the_user_says_is_looked_at(batch_of: BatchOf) -> None:
    talk = turns(("system", "Be kind."), ("human", "Hello."), ("gpt", "Translate it?"), ("human", "Yes."))
    assert asked(batch_of(conversations=talk)) == ["Hello.\nYes.", ""]
    alpaca = batch_of(instruction=["Do it.", None], input=["Translate this.", ""], output=["a", "b"])
    assert asked(alpaca) == ["Do it.", ""]
    assert asked(batch_of(prompt=["Ask."], chosen=["a"], rejected=["b"])) == ["Ask."]
    assert asked(batch_of(text=["Tell."], label=["x"])) == ["Tell."]
    assert asked(alpaca, "input") == ["Translate this.", ""]


@pytest.fixture(scope="module")
def taggers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of tiny classifiers with random weights, by what kind of choice they make."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from finery_plugins.train.tokenizer import trained_tokenizer

    folders = {}
    tokenizer = trained_tokenizer([text for text, _ in CASES], 300, 32)
    for kind in ("multi_label_classification", "single_label_classification"):
        torch.manual_seed(6)
        sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes)
        config.id2label, config.problem_type = {0: "code", 1: "maths", 2: "talk", 3: "poem"}, kind
        config.initializer_range = 2.0
        folders[kind] = str(tmp_path_factory.mktemp("tagger"))
        BertForSequenceClassification(config).save_pretrained(folders[kind])
        tokenizer.save_pretrained(folders[kind])
    return folders


@pytest.mark.parametrize("kind", ["multi_label_classification", "single_label_classification"])
def test_a_tagger_gives_the_labels_that_a_forward_pass_says(
    batch_of: BatchOf, taggers: dict[str, str], kind: str
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network, tokenizer = (
        loader.from_pretrained(taggers[kind]) for loader in (AutoModelForSequenceClassification, AutoTokenizer)
    )
    texts = [text for text, _ in CASES]
    labels = network.config.id2label
    expected = []
    for text in texts:
        with torch.no_grad():
            logits = network(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0]
        over = [at for at in range(4) if logits[at].sigmoid() >= 0.5]
        expected.append([labels[at] for at in (over if kind.startswith("multi") else [int(logits.argmax())])])
    plugin = Tags(tagger=taggers[kind], novelty=False)
    found = plugin.score(batch=batch_of(text=[*texts, ""]), state={}, tally=Tally())["tags"].to_pylist()
    assert found == [*expected, []]
    assert len({tuple(row) for row in found}) > 2


def test_a_tagger_without_safetensors_is_refused(batch_of: BatchOf, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    plugin: Any = Tags(tagger=str(tmp_path))
    with pytest.raises(UsageError, match="holds no safetensors weights"):
        plugin.score(batch=batch_of(text=["a"]), state={"records": 0, "tags": {}}, tally=Tally())


def test_it_keeps_the_contract() -> None:
    report = check(Tags(), ["alpaca", "messages"])
    assert [str(fault) for fault in report.faults] == []
