"""The score `toxicity` weighs a lexicon's hits, or asks the model that is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from finery import PipelineError, UsageError
from finery_plugins.score.toxicity import Toxicity
from finery_plugins.text.chunks import chunks
from finery_plugins.text.lexicon import CATEGORIES, LANGUAGES, shipped

BatchOf = Callable[..., pa.Table]


def scored(batch: pa.Table, **options: Any) -> dict[str, list[Any]]:
    plugin = Toxicity(**options)
    columns = plugin.score(batch=batch, state=plugin.prepare())
    return {name: values.to_pylist() for name, values in columns.items()}


def of(rate: float) -> float:
    return 1 - math.exp(-rate)


def test_a_short_text_counts_as_a_hundred_words(batch_of: BatchOf) -> None:
    columns = scored(batch_of(text=["You bastard.", "fine", None, "I will kill you, bastard", "你这个王八蛋"]))
    assert columns["toxicity"] == pytest.approx([of(0.6), 0, 0, of(1.6), of(0.6)])
    assert columns["toxicity_hits"] == [1, 0, 0, 2, 1]
    assert columns["toxicity_kinds"] == ["1 insult", None, None, "1 threat, 1 insult", "1 insult"]


def test_a_long_text_is_weighed_by_its_words(batch_of: BatchOf) -> None:
    text = "bastard " + "word " * 399
    assert scored(batch_of(text=[text]))["toxicity"] == pytest.approx([of(0.6 / 4)])


def test_languages_are_those_asked_for(batch_of: BatchOf) -> None:
    batch = batch_of(text=["bastard", "王八蛋"])
    assert scored(batch, languages=["zh"])["toxicity_hits"] == [0, 1]
    assert scored(batch, languages=[])["toxicity_hits"] == [0, 0]


def test_a_file_adds_phrases_and_changes_weights(batch_of: BatchOf, tmp_path: Path) -> None:
    path = tmp_path / "ours.txt"
    path.write_text("foul\nbastard\t0\ncuss word\t0.5\tmild\n", encoding="utf-8")
    columns = scored(batch_of(text=["foul", "bastard", "cuss word"]), files=[str(path)])
    assert columns["toxicity"] == pytest.approx([of(1), 0, of(0.5)])
    assert columns["toxicity_kinds"] == ["1 insult", "1 insult", "1 mild"]


@pytest.mark.parametrize("weight", ["x", "-1", "11", "nan"])
def test_a_weight_that_is_none_is_a_usage_error(tmp_path: Path, weight: str) -> None:
    path = tmp_path / "ours.txt"
    path.write_text(f"foul\t{weight}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is no weight"):
        Toxicity(files=[str(path)]).prepare()


def test_the_shipped_list_is_in_order() -> None:
    entries = shipped(LANGUAGES)
    assert len({one.phrase for one in entries}) == len(entries) > 200
    assert {one.category for one in entries} == set(CATEGORIES)
    assert all(0 < one.weight <= 1 and one.phrase.strip() for one in entries)


def test_no_records_have_empty_columns(batch_of: BatchOf) -> None:
    assert scored(batch_of(text=["a"]).slice(0, 0)) == {"toxicity": [], "toxicity_hits": [], "toxicity_kinds": []}


@pytest.mark.parametrize("text", ["", " \n", "a", "a" * 25, "one two three four five", "中。文。字。" * 5, "x. " * 9])
def test_chunks_are_the_text_again(text: str) -> None:
    pieces = list(chunks(text, 10))
    assert all(text[start : start + len(piece)] == piece and len(piece) <= 10 for start, piece in pieces)
    assert "".join(piece for _, piece in pieces).split() == text.split() or not text.strip()


def test_chunks_end_where_a_line_a_sentence_or_a_word_does() -> None:
    assert [piece for _, piece in chunks("one two\nthree. four five", 12)] == ["one two\n", "three. four ", "five"]


def test_a_model_is_asked_where_one_is_named(batch_of: BatchOf, tmp_path: Path) -> None:
    model = classifier(tmp_path, ["neutral", "toxic"])
    columns = scored(batch_of(text=["vile", "fine", None, "fine " * 400 + "vile"]), classifier=str(model))
    vile, fine, nothing, long = columns["toxicity"]
    assert vile > 0.8 > 0.2 > fine > nothing == 0
    assert long > 0.2
    assert columns["toxicity_kinds"] == ["toxic", "toxic", None, "toxic"]
    assert columns["toxicity_hits"] == [0, 0, 0, 0]


def test_labels_of_the_model_can_be_named(batch_of: BatchOf, tmp_path: Path) -> None:
    model = str(classifier(tmp_path, ["A", "B"]))
    assert scored(batch_of(text=["vile"]), classifier=model, labels=["B"])["toxicity"][0] > 0.8
    with pytest.raises(PipelineError, match="has no label 'C'"):
        scored(batch_of(text=["vile"]), classifier=model, labels=["C"])
    with pytest.raises(PipelineError, match="does not say which of its labels are harmful"):
        scored(batch_of(text=["vile"]), classifier=model)


def classifier(folder: Path, labels: Sequence[str]) -> Path:
    """A model whose second label is for the word `vile`, its weights written by hand."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "vile": 2}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]", model_max_length=512)
    wrapped.save_pretrained(folder)
    names = dict(enumerate(labels))
    config = BertConfig(
        vocab_size=3, hidden_size=2, num_hidden_layers=0, num_attention_heads=1, intermediate_size=2,
        id2label=names, label2id={name: number for number, name in names.items()}, pad_token_id=1,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for part in model.bert.embeddings.parameters():
            part.zero_()
        model.bert.embeddings.LayerNorm.weight.fill_(1.0)
        model.bert.embeddings.word_embeddings.weight.copy_(torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]))
        model.bert.pooler.dense.weight.copy_(torch.eye(2))
        model.bert.pooler.dense.bias.zero_()
        model.classifier.weight.copy_(2 * torch.eye(2))
        model.classifier.bias.zero_()
    model.save_pretrained(folder)
    return folder
