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
