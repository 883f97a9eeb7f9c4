"""The census of a training's tokens: how many are trained, unknown or outside the vocabulary, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from finery_plugins.train.conversations import UNUSABLE_SHARE
from finery_plugins.train.findings import Finding
from finery_plugins.train.tokens import Tokens

BLOCK_TOKENS = 1 << 22
"""Tokens looked at together: a few dozen MB."""

UNKNOWN_WARNS, UNKNOWN_STOPS = 0.01, 0.1
"""Shares of unknown tokens. Tokenizers with a byte fallback have none at all; a tenth is text of another script."""


@dataclass(frozen=True)
class Vocabulary:
    """What a model and its tokenizer know."""

    size: int
    """Tokens that the model has an embedding for."""
    unknown: int | None
    """The token that stands for what the tokenizer does not know."""


@dataclass(frozen=True)
class Census:
    """Counts of each sequence, `int64` (n,)."""

    fed: np.ndarray
    """Tokens that a loss could be taken on."""
    trained: np.ndarray
    """Those that one is taken on."""
    unknown: np.ndarray
    outside: np.ndarray


def vocabulary(network: Any, tokenizer: Any) -> Vocabulary:
    """What a network and a tokenizer know; of several networks in one, what all of them do."""
    parts = getattr(network, "parts", (network,))
    size = min(int(part.get_input_embeddings().weight.shape[0]) for part in parts)
    return Vocabulary(size, tokenizer.unk_token_id)


def counted(tokens: Tokens, known: Vocabulary, skip: int) -> Census:
    """The census of all sequences without the first `skip` tokens of each: those are never predicted."""
    made = Census(*(np.zeros(len(tokens), np.int64) for _ in range(4)))
    ends = tokens.starts + tokens.lengths
    for part in blocks(tokens):
        first, last = int(tokens.starts[part].min()), int(ends[part].max())
        flat = np.asarray(tokens.flat[first:last])
        ids = np.where(flat < 0, ~flat, flat)
        starts, stops = tokens.starts[part] + skip - first, ends[part] - first
        made.fed[part] = stops - starts
        made.trained[part] = between(flat >= 0, starts, stops)
        made.outside[part] = between(ids >= known.size, starts, stops)
        if known.unknown is not None:
            made.unknown[part] = between(ids == known.unknown, starts, stops)
    return made


def blocks(tokens: Tokens) -> Iterator[np.ndarray]:
    """Places of sequences that lie side by side on disk, a block of tokens at a time."""
    order = np.argsort(tokens.starts, kind="stable")
    numbers = tokens.starts[order] // BLOCK_TOKENS
    yield from np.split(order, np.flatnonzero(np.diff(numbers)) + 1)


def between(flags: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """`int64` (n,): how many flags are set from each start to its stop."""
    sums = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
    found: np.ndarray = sums[stops] - sums[starts]
    return found


def taken(
    tokens: Tokens, known: Vocabulary, answers: bool = True, ahead: int = 1, skip: int = 0, share: float = 1.0
) -> Iterator[Finding]:
    """Everything that a census finds.

    `answers` says whether each sequence should have a trained token, `ahead` whether the first token is predicted (0)
    or not (1), `skip` how many numbers stand before a sequence's tokens, `share` how many of those that could be are
    trained on.
    """
    census = counted(tokens, known, skip + ahead)
    yield from by_source(tokens, census, share if answers else 0.0)
    if answers:
        yield from untrained(tokens, census)
    yield outside(tokens, census, known, skip + ahead)


def by_source(tokens: Tokens, census: Census, share: float) -> Iterator[Finding]:
    """Rows and shares of each source and of all; of what could be trained on, a `share` is."""
    everything = np.ones(len(tokens), bool)
    for code, name in (*enumerate(tokens.names), (None, None)):
        mine = everything if code is None else tokens.sources == code
        fed = int(census.fed[mine].sum())
        missing = "" if mine.any() else f"source '{name}' has nothing to train on"
        yield Finding("rows", int(mine.sum()), name, missing, "look at its records, and at `split`", stops=False)
        if not fed:
            continue
        if share:
            yield Finding("trained_share", share * int(census.trained[mine].sum()) / fed, name)
        yield unknown(int(census.unknown[mine].sum()) / fed, name)


def unknown(share: float, name: str | None) -> Finding:
    """The share of tokens that the tokenizer does not know."""
    fault = f"{share:.1%} of the tokens of source '{name}' are unknown to the tokenizer"
    wrong = fault if name is not None and share > UNKNOWN_WARNS else ""
    remedy = "take a model whose tokenizer knows its script, or leave it out"
    return Finding("unknown_share", share, name, wrong, remedy, stops=share > UNKNOWN_STOPS)


def untrained(tokens: Tokens, census: Census) -> Iterator[Finding]:
    """How many rows of each source have no trained token; too many are a fault."""
    empty = census.trained == 0
    for code, name in enumerate(tokens.names):
        mine = tokens.sources == code
        rows, count = int(mine.sum()), int((empty & mine).sum())
        fault = ""
        if count > UNUSABLE_SHARE * rows:
            fault = f"{count} of {rows} rows have no token to train on, {named(tokens, empty & mine)} among them"
        yield Finding("untrained_rows", count, name, fault, "mend or drop its records, or raise `context`")


def outside(tokens: Tokens, census: Census, known: Vocabulary, skip: int) -> Finding:
    """How many tokens the model has no embedding for; one is a fault."""
    count = int(census.outside.sum())
    if not count:
        return Finding("outside_tokens", 0)
    row = int(np.flatnonzero(census.outside)[0])
    flat = np.asarray(tokens.flat[tokens.starts[row] + skip : tokens.starts[row] + tokens.lengths[row]])
    worst = int(np.where(flat < 0, ~flat, flat).max())
    fault = (
        f"token {worst} is outside the model's vocabulary of {known.size}: {named(tokens, census.outside > 0)}; "
        f"{count} tokens are"
    )
    remedy = "the tokenizer belongs to another model: put the model's own beside it, or resize its embeddings"
    return Finding("outside_tokens", count, None, fault, remedy)


def named(tokens: Tokens, wrong: np.ndarray) -> str:
    """The first record of those where `wrong` (n,) is true, with its source."""
    row = int(np.flatnonzero(wrong)[0])
    return f"record {tokens.ids[row].as_py()} of source '{tokens.names[tokens.sources[row]]}'"


def cut_in_pieces(tokens: Tokens, context: int, ahead: int = 1) -> Iterator[Finding]:
    """How many documents of each source are longer than a row, and so are read in pieces; nothing of them is lost."""
    long = tokens.lengths - ahead > context
    for code, name in enumerate(tokens.names):
        yield Finding("long_rows", int((long & (tokens.sources == code)).sum()), name)
