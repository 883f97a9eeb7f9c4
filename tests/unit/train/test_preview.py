"""Previews: texts are whole, what is marked as trained is what a training trains, and what is left out says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from training_samples import MemoryDataset, chats, dataset, sentences

from finery import DataError, Model, Preview, Stage, UsageError
from finery_plugins.train.dpo import Dpo
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.reward import Reward
from finery_plugins.train.sft import Sft
from finery_plugins.train.showing import pieces
from finery_plugins.train.tokenizer import loaded_tokenizer, plain_ids

STAGE = Stage(id="study", hook="train", plugin="sft", seed=17)


@pytest.fixture(scope="session")
def tokenizer(base: Model) -> Any:
    return loaded_tokenizer(base, "test")


@pytest.fixture
def previewed(tmp_path: Path, base: Model) -> Any:
    """The preview of a plugin: `previewed(plugin, examples)`."""

    def made(plugin: Any, examples: MemoryDataset, model: Model | None = base) -> Preview:
        return plugin.preview(examples, model, tmp_path, STAGE)  # type: ignore[no-any-return]

    return made


def text_of(one: Any) -> str:
    """All text of a sequence."""
    return "".join(piece.text for piece in one.pieces)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.data())
def test_the_pieces_of_a_text_are_the_text(tokenizer: Any, text: str, data: st.DataObject) -> None:
    ids = plain_ids(tokenizer, [text])[0]
    signs = data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
    signed = [token if sign else ~token for token, sign in zip(ids, signs, strict=True)]
    made = pieces(tokenizer, signed, data.draw(st.integers(0, 40)), data.draw(st.lists(st.integers(0, 40))))
    assert sum(piece.tokens for piece in made) == len(ids)
    assert [sign for piece in made for sign in [piece.trained] * piece.tokens] == signs
    whole = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    if "\N{REPLACEMENT CHARACTER}" not in "".join(piece.text for piece in made):  # no letter cut in two
        assert "".join(piece.text for piece in made) == whole


def test_what_is_shown_is_what_is_trained(previewed: Any, base: Model, tokenizer: Any) -> None:
    (one,) = previewed(Sft(), dataset({"talks": {"messages": chats(1)}})).shown
    assert text_of(one) == tokenizer.apply_chat_template(chats(1)[0], tokenize=False)
    trained = "".join(piece.text for piece in one.pieces if piece.trained)
    assert trained == "forge<|im_end|>tongs<|im_end|>"
    assert [piece.opens for piece in one.pieces].count(True) == 4


def test_an_example_without_an_answer_says_so(previewed: Any) -> None:
    shown = previewed(Sft(), dataset({"talks": {"messages": [*chats(3), chats(1)[0][:1]]}})).shown
    notes = [one.note for one in shown]
    assert notes[:3] == [""] * 3
    assert notes[3] == "left out: no answer stands within `context` tokens"


def test_a_prefix_takes_its_part_of_the_context(previewed: Any) -> None:
    examples = dataset({"talks": {"messages": chats(3)}})
    assert previewed(Sft(), examples).context == 64
    assert previewed(Sft(method={"prefix": {"length": 10}}), examples).context == 54


def test_a_long_document_opens_a_row_with_each_piece(previewed: Any) -> None:
    examples = dataset({"forge": {"text": [" ".join(sentences(8))]}})
    made = previewed(Pretrain(context=32), examples)
    (one,) = made.shown
    opens = sum(piece.opens for piece in one.pieces)
    assert one.note == f"read in {opens} pieces"
    assert opens == len([part for row in made.packed for part in row]) > 1


def test_ranked_answers_are_shown_pair_by_pair(previewed: Any) -> None:
    ranked = dataset({"ranks": {"instruction": ["Say it"], "output": [["iron", "slag", "bloom"]]}})
    names = [one.name for one in previewed(Reward(pairs="adjacent"), ranked).shown]
    assert names == ["chosen of pair 1", "rejected of pair 1", "chosen of pair 2", "rejected of pair 2"]


def test_answers_outside_the_template_begin_behind_the_prompt(previewed: Any) -> None:
    likes = dataset({"likes": {"prompt": ["iron"], "chosen": [" slag"], "rejected": [" ember"]}})
    chosen, _ = previewed(Dpo(chat=False), likes).shown
    assert text_of(chosen) == "<|endoftext|>iron slag<|endoftext|>"
    assert [piece.text for piece in chosen.pieces if piece.opens] == ["<|endoftext|>", " slag"]


def test_answers_that_are_of_no_use_say_why(previewed: Any) -> None:
    texts = {"prompt": ["iron", "slag"], "chosen": ["same", "ember " * 90], "rejected": ["same", "tongs"]}
    made = previewed(Dpo(), dataset({"likes": texts}))
    notes = [one.note for one in made.shown]
    assert notes[0] == "left out: both answers are equal"
    assert notes[1] == notes[2]
    assert notes[1].endswith(" tokens, where 64 fit")
    assert [fault.fault.partition(" (")[0] for fault in made.faults] == ["can learn nothing from 2 of 2 records"]


def test_what_would_not_start_raises_as_it_would(previewed: Any) -> None:
    with pytest.raises(DataError, match="no `messages` column"):
        previewed(Sft(), dataset({"forge": {"text": ["iron"]}}))
    with pytest.raises(UsageError, match="has no model to tune"):
        previewed(Sft(), dataset({"talks": {"messages": chats(1)}}), None)
