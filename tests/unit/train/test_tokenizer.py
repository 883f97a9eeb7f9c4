"""The tokenizer trained on the spot: the same from the same texts, in any process, on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from finery_plugins.train.tokenizer import CHAT_TEMPLATE, SPECIAL, opening, plain_ids, trained_tokenizer

SCRIPT = """
import hashlib, random
from finery_plugins.train.tokenizer import trained_tokenizer
draw = random.Random(7)
texts = ["".join(draw.choice("abcdefgh ") for _ in range(200)) for _ in range(300)]
made = trained_tokenizer(texts, 900, 64)
print(hashlib.sha256(made.backend_tokenizer.to_str().encode()).hexdigest())
"""


def digest(**environment: str) -> str:
    """The digest of a tokenizer trained in a fresh process."""
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return said.stdout


def test_threads_and_hash_seeds_change_nothing() -> None:
    one = digest(PYTHONHASHSEED="1", TOKENIZERS_PARALLELISM="false")
    assert digest(PYTHONHASHSEED="2", TOKENIZERS_PARALLELISM="true", RAYON_NUM_THREADS="4") == one


@pytest.mark.parametrize("text", ["iron", "\u9244 \U0001f525\n\ttab", "caf\u00e9", "\x00"])
def test_every_text_comes_back(text: str) -> None:
    tokenizer = trained_tokenizer(["iron and slag"], 300, 64)
    (ids,) = plain_ids(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert opening(tokenizer) == [tokenizer.eos_token_id]


def test_special_tokens_are_single_and_distinct() -> None:
    tokenizer = trained_tokenizer(["iron"], 300, 64)
    assert len({tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}) == len(SPECIAL)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.apply_chat_template([{"role": "user", "content": "a"}], tokenize=False).startswith("<|im_start|>")


KINDS = ("bpe", "unigram", "word", "character", "byte")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["iron", "\u9244 \U0001f525\n\ttab  two", "caf\u00e9\r\n", "\x00"])
def test_no_kind_loses_any_text(kind: str, text: str) -> None:
    tokenizer = trained_tokenizer(["iron and slag", "caf\u00e9"], 300, 64, kind)
    (ids,) = plain_ids(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert max(ids) < len(tokenizer) <= 300


def test_kinds_cut_texts_as_they_are_called() -> None:
    texts = ["iron \u9244 slag"] * 50

    def pieces(kind: str) -> list[str]:
        tokenizer = trained_tokenizer(texts, 400, 64, kind)
        (ids,) = plain_ids(tokenizer, ["iron \u9244 slag ore"])
        return [tokenizer.decode([token]) for token in ids]

    assert pieces("word") == ["iron", " \u9244", " slag", " ", "o", "r", "e"]
    assert pieces("character") == list("iron \u9244 slag ore")
    assert len(pieces("byte")) == len("iron \u9244 slag ore".encode())


def test_a_tokenizer_for_masks_has_one_and_closes_texts() -> None:
    tokenizer = trained_tokenizer(["iron"], 300, 64, masks=True)
    ids = tokenizer(f"iron {tokenizer.mask_token}")["input_ids"]
    assert ids[0] == ids[-1] == tokenizer.cls_token_id == tokenizer.sep_token_id
    assert ids.count(tokenizer.mask_token_id) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_equal_texts_give_an_equal_tokenizer_of_every_kind(kind: str) -> None:
    texts = ["".join(chr(97 + (k * j) % 26) for k in range(40)) + f" {j}" for j in range(200)]
    one, other = (trained_tokenizer(texts, 500, 64, kind).backend_tokenizer.to_str() for _ in range(2))
    assert one == other
