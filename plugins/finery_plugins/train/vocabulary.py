"""Vocabularies of tokenizers, fitted to texts: bytes, characters, words, merges of bytes, or likely pieces.

All are over bytes, so that every text has ids and comes back from them, whatever it holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

Kind = Literal["bpe", "unigram", "word", "character", "byte"]
"""`bpe` merges frequent neighbours (byte-level BPE, Radford et al. 2019); `unigram` keeps the pieces under which texts
are likeliest (Kudo 2018); `word` keeps frequent words whole and `character` frequent characters, and spell the rest in
bytes; `byte` has the 256 bytes alone."""


def fitted(texts: Iterable[str], vocabulary: int, kind: Kind, special: Sequence[str]) -> Any:
    """A tokenizer of `tokenizers` with at most `vocabulary` tokens, the `special` ones first, then the 256 bytes."""
    if kind == "bpe":
        return merges(texts, vocabulary, special)
    if kind == "unigram":
        return likely(texts, vocabulary, special)
    return whole_pieces(texts, vocabulary, kind, special)


def merges(texts: Iterable[str], vocabulary: int, special: Sequence[str]) -> Any:
    """Byte-level BPE."""
    from tokenizers import models, trainers

    backend = over_bytes(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(special), initial_alphabet=alphabet(), show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def likely(texts: Iterable[str], vocabulary: int, special: Sequence[str]) -> Any:
    """A unigram model over bytes."""
    from tokenizers import models, trainers

    backend = over_bytes(models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, special_tokens=list(special), initial_alphabet=alphabet(), show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    backend.model = models.Unigram(settled(json.loads(backend.to_str())["model"]["vocab"], special))
    return backend


def settled(pieces: Sequence[tuple[str, float]], special: Sequence[str]) -> list[tuple[str, float]]:
    """Pieces and their log likelihoods as they are on every run.

    The trainer's sums differ in their last bits from run to run, and the bytes that it kept for completeness alone get
    scores in the order of a hash table: scores are rounded, and those of such bytes given out in order.
    """
    scores = {piece: round(score, 6) for piece, score in pieces if piece not in special}
    known = set(alphabet())
    # These scores start at the least one and lie 0.0001 apart.
    bound = min(scores.values()) + 0.0001 * (len(known) + 1)
    idle = sorted(piece for piece, score in scores.items() if piece in known and score < bound)
    scores |= zip(idle, sorted((scores[piece] for piece in idle), reverse=True), strict=True)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [*((piece, 0.0) for piece in special), *ranked]


def whole_pieces(texts: Iterable[str], vocabulary: int, kind: Kind, special: Sequence[str]) -> Any:
    """A tokenizer that keeps the most frequent words or characters whole and spells all others in bytes.

    It is BPE without a merge: what the vocabulary has is taken as it stands, and everything else stays bytes.
    """
    from tokenizers import AddedToken, models

    tokens = [*special, *alphabet()]
    backend = over_bytes(models.BPE(), by_character=kind == "character")
    if kind != "byte":
        split = backend.pre_tokenizer.pre_tokenize_str
        counts = Counter(piece for text in texts for piece, _ in split(text))
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        tokens += taken(ranked, set(tokens), vocabulary - len(tokens))
    backend.model = models.BPE({token: number for number, token in enumerate(tokens)}, [], ignore_merges=True)
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return backend


def taken(ranked: Iterable[tuple[str, int]], known: set[str], room: int) -> Iterator[str]:
    """The first pieces that are not known yet, as many as there is room for."""
    fresh = (piece for piece, _ in ranked if piece not in known)
    return (piece for piece, _ in zip(fresh, range(max(room, 0)), strict=False))


def over_bytes(model: Any, by_character: bool = False) -> Any:
    """A tokenizer that cuts texts into words, or characters, and spells their bytes as printable characters."""
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers

    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if by_character:
        each = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.pre_tokenizer = pre_tokenizers.Sequence([each, spell])
    backend.decoder = decoders.ByteLevel()
    return backend


def alphabet() -> list[str]:
    """The printable characters that stand for the 256 bytes."""
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())
