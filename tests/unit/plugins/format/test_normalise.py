"""Tokens, stems and lemmas: what words become, in which language, and what stays."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery import PipelineError
from finery_plugins.format.normalise import Normalise

BatchOf = Callable[..., pa.Table]


def made(batch: pa.Table, **options: object) -> list[str | None]:
    """The texts of a batch, normalised."""
    found: list[str | None] = Normalise(**options).format(batch=batch)["text"].to_pylist()  # type: ignore[arg-type]
    return found


def test_words_numbers_marks_and_han_are_tokens(batch_of: BatchOf) -> None:
    texts = ["Don't pay 3,500.75 (yet)!", "今天 天气 good。\n第二行", None, ""]
    assert made(batch_of(text=texts)) == ["don't pay 3,500.75 ( yet ) !", "今 天 天 气 good 。\n第 二 行", None, ""]


def test_marks_can_be_left_out_and_capitals_kept(batch_of: BatchOf) -> None:
    assert made(batch_of(text=["Hi, You!"]), punctuation=False, lower=False) == ["Hi You"]


def test_stems_follow_the_language(batch_of: BatchOf) -> None:
    assert made(batch_of(text=["Running FLIES"]), words="stem") == ["run fli"]
    assert made(batch_of(text=["Häuser laufend"]), words="stem", language="de") == ["haus laufend"]


def test_lemmas_know_irregular_words(batch_of: BatchOf) -> None:
    assert made(batch_of(text=["The mice were better"]), words="lemma") == ["the mouse be good"]


def test_each_record_goes_by_its_own_language(batch_of: BatchOf) -> None:
    batch = batch_of(text=["mice", "Mäuse", "mice", "mice"], language=["en", "de", None, "zz"])
    assert made(batch, words="lemma", language="column") == ["mouse", "maus", "mice", "mice"]


def test_turns_are_rewritten_and_roles_are_not(batch_of: BatchOf) -> None:
    turns = pa.array(
        [[{"role": "User", "content": "Two Mice"}]], pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))
    )
    after = Normalise(words="lemma").format(batch=batch_of(messages=turns))
    assert after["messages"].to_pylist() == [[{"role": "User", "content": "two mouse"}]]
    assert after.schema == batch_of(messages=turns).schema


def test_a_language_without_a_stemmer_is_refused() -> None:
    with pytest.raises(ValidationError, match="no stemmer for 'zh'"):
        Normalise(words="stem", language="zh")


def test_languages_that_are_not_there_are_asked_for(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="no column 'language'"):
        made(batch_of(text=["a"]), language="column")


@given(st.text(max_size=80))
def test_tokens_hold_every_character_that_is_no_space(text: str) -> None:
    plugin = Normalise(lower=False)
    line = " ".join(plugin.tokens(text, reduce=lambda word: word))
    assert "".join(line.split()) == "".join(text.split())
