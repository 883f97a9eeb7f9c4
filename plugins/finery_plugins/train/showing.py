"""Sequences of tokens as text for a reader: what is trained, what is cut off, where turns begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from finery import Piece
from finery_plugins.train.conversation import Message, rendered


def pieces(tokenizer: Any, signed: Sequence[int], fits: int, borders: Sequence[int]) -> tuple[Piece, ...]:
    """Signed tokens as pieces of text: a new one where it starts or stops being trained, special or beyond what
    `fits`, and at each border."""
    ids, special = [token if token >= 0 else ~token for token in signed], set(tokenizer.all_special_ids)
    kinds = [(token >= 0, one in special, at >= fits) for at, (token, one) in enumerate(zip(signed, ids, strict=True))]
    starts = [at for at in range(len(ids)) if not at or kinds[at] != kinds[at - 1] or at in borders]
    ends = [*starts[1:], len(ids)][: len(starts)]
    return tuple(
        Piece(text, end - start, *kinds[start], opens=start in borders)
        for text, start, end in zip(spelt(tokenizer, ids, ends), starts, ends, strict=True)
    )


def spelt(tokenizer: Any, ids: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    """The text up to each end from the one before it: decoded together, for blanks and letters of several bytes hang
    on what stands before them."""
    before = ""
    start = 0
    for end in ends:
        text = decoded(tokenizer, ids[:end])
        yield text[len(before) :] if text.startswith(before) else decoded(tokenizer, ids[start:end])
        before, start = text, end


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    """Tokens as text, special ones too."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def turn_starts(tokenizer: Any, messages: Sequence[Message], signed: Sequence[int]) -> list[int]:
    """The tokens at which turns begin, as far as the template writes them the same however the conversation goes on."""
    ids, found = [token if token >= 0 else ~token for token in signed], [0]
    for end in range(1, len(messages)):
        before = opening_ids(tokenizer, messages[:end])
        if len(before) > found[-1] and ids[: len(before)] == before:
            found.append(len(before))
    return found


def opening_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of the first messages of a conversation; none where the template refuses one that ends so."""
    from jinja2 import TemplateError

    try:
        text = rendered(tokenizer, messages, asks=False)
    except (TemplateError, KeyError, TypeError):
        return []
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
