"""The format `pii` puts something else in the place of personal data and leaves all other bytes alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import Stage, Tally
from finery_plugins.format.pii import PiiFormat

BatchOf = Callable[..., pa.Table]
STAGE = Stage("pii", "format", "pii", seed=17)


def redacted(batch: pa.Table, seed: int = 17, **options: Any) -> pa.Table:
    stage = Stage("pii", "format", "pii", seed=seed)
    return PiiFormat(**options).format(batch=batch, stage=stage, tally=Tally())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Write to a@b.org, or call (415) 555-0132.", "Write to <EMAIL>, or call <PHONE>."),
        ("身份证11010519491231002X，手机13800138000。", "身份证<ID>，手机<PHONE>。"),
        ("卡号 4111 1111 1111 1111 在 10.0.0.1", "卡号 <CARD> 在 <IP>"),
        ("pay GB29 NWBK 6016 1331 9268 19 now", "pay <IBAN> now"),
        ("key AKIA" + "IOSFODNN7EXAMPLE!", "key <SECRET>!"),
        ("nothing 中文 😀\r\n", "nothing 中文 😀\r\n"),
        ("", ""),
        (None, None),
    ],
)
def test_what_is_put_in_its_place(batch_of: BatchOf, before: str | None, after: str | None) -> None:
    assert redacted(batch_of(text=[before, "x"]))["text"].to_pylist() == [after, "x"]


def test_a_pseudonym_is_the_same_for_the_same_value(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a@b.org, A@B.org", "c@d.org and a@b.org", "4111111111111111 4111-1111-1111-1111"])
    first, second, cards = redacted(batch, replace="pseudonym")["text"].to_pylist()
    one, again = first.split(", ")
    other, third = second.split(" and ")
    assert one == again == third != other
    assert len(one) == len("<EMAIL-0123456789>")
    assert len(set(cards.split(" "))) == 1


def test_another_seed_makes_other_pseudonyms(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a@b.org"])
    assert redacted(batch, 1, replace="pseudonym") != redacted(batch, 2, replace="pseudonym")
    assert redacted(batch, 2**64 - 1, replace="pseudonym") == redacted(batch, 2**64 - 1, replace="pseudonym")


def test_removal_leaves_nothing(batch_of: BatchOf) -> None:
    assert redacted(batch_of(text=["to a@b.org."]), replace="remove")["text"].to_pylist() == ["to ."]


def test_what_was_said_is_redacted_and_who_said_it_stays(batch_of: BatchOf) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    turns = [{"role": "a@b.org", "content": "I am a@b.org"}, {"role": "user", "content": None}]
    after = redacted(batch_of(messages=pa.array([turns, None], kind)))["messages"]
    assert after.type == kind
    assert after.to_pylist() == [[{"role": "a@b.org", "content": "I am <EMAIL>"}, turns[1]], None]


def test_a_column_in_which_nothing_is_found_stays_the_same(batch_of: BatchOf) -> None:
    batch = batch_of(instruction=["a", "b"], output=["fine", "a@b.org"])
    after = redacted(batch)
    assert after["instruction"].chunk(0).buffers()[2].address == batch["instruction"].chunk(0).buffers()[2].address
    assert after["output"].to_pylist() == ["fine", "<EMAIL>"]


def test_other_columns_are_redacted_where_named(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a@b.org"], author=["c@d.org"])
    assert redacted(batch)["author"].to_pylist() == ["c@d.org"]
    assert redacted(batch, columns=["author"]).select(["text", "author"]).to_pylist() == [
        {"text": "a@b.org", "author": "<EMAIL>"}
    ]


def test_what_was_replaced_is_counted_by_kind(batch_of: BatchOf) -> None:
    tally = Tally()
    PiiFormat().format(batch=batch_of(text=["a@b.org c@d.org 10.0.0.1"]), stage=STAGE, tally=tally)
    assert tally == {"email": 2, "ip": 1}


def test_chunks_slices_and_empty_batches_are_taken(batch_of: BatchOf) -> None:
    batch = batch_of(text=pa.chunked_array([["a@b.org"], [None, "x"]], pa.large_string()))
    assert redacted(batch)["text"].to_pylist() == ["<EMAIL>", None, "x"]
    assert redacted(batch.slice(1))["text"].to_pylist() == [None, "x"]
    assert redacted(batch.slice(0, 0)).schema == batch.schema


@settings(max_examples=100)
@given(st.lists(st.text("ab@.org 中😀0123-\n:", max_size=30), min_size=1, max_size=4))
def test_redacting_twice_changes_nothing_more(batch_of: BatchOf, texts: list[str]) -> None:
    once = redacted(batch_of(text=texts))
    assert redacted(once)["text"].to_pylist() == once["text"].to_pylist()


def test_names_need_a_model() -> None:
    with pytest.raises(ValidationError, match="names are found by a model"):
        PiiFormat(kinds=["name"])


def test_names_are_found_by_the_model_that_is_named(batch_of: BatchOf, namer: Path) -> None:
    text = "中文 Alice wrote to a@b.org. " + "water " * 300 + "Alice"
    after = redacted(batch_of(text=[text, None, "nobody"]), ner=str(namer))["text"].to_pylist()
    assert after[0] == "中文 <NAME> wrote to <EMAIL>. " + "water " * 300 + "<NAME>"
    assert after[1:] == [None, "nobody"]
    assert redacted(batch_of(text=["Alice"]), ner=str(namer), kinds=["email"])["text"].to_pylist() == ["Alice"]


@pytest.fixture(scope="module")
def namer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes the word `alice` for a person and nothing else, its weights written by hand."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("namer")
    core = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "alice": 2}, unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    labels = {0: "O", 1: "B-PER"}
    config = BertConfig(
        vocab_size=3, hidden_size=2, num_hidden_layers=0, num_attention_heads=1, intermediate_size=2,
        id2label=labels, label2id={name: number for number, name in labels.items()},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        for part in model.bert.embeddings.parameters():
            part.zero_()
        model.bert.embeddings.LayerNorm.weight.fill_(1.0)
        model.bert.embeddings.word_embeddings.weight.copy_(torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]))
        model.classifier.weight.copy_(torch.eye(2))
        model.classifier.bias.zero_()
    model.save_pretrained(folder)
    return folder
