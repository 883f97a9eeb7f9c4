"""The n-gram model agrees with dictionaries and the formulas of Kneser-Ney smoothing, and its chances add up to one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery_plugins.text.ngram_model import FALLBACK, fitted, nats, pieces_of

BYTES, CHARACTERS, WORDS = 0, 1, 2
Gram = tuple[str, ...]
START, END = "<s>", "</s>"


def texts(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


class Reference:
    """Interpolated modified Kneser-Ney smoothing with dictionaries, as Chen and Goodman (1998) have it."""

    def __init__(self, sentences: Sequence[Sequence[str]], order: int) -> None:
        padded = [(START, *sentence, END) for sentence in sentences]
        met = [Counter(grams(padded, length)) for length in range(order + 1)]
        self.order = order
        self.counts = {order: met[order]}
        for length in range(order - 1, 0, -1):
            before = Counter(gram[1:] for gram in met[length + 1])
            opening = {gram: n for gram, n in met[length].items() if gram[0] == START and length > 1}
            self.counts[length] = Counter({**before, **opening})
        self.counts[1].pop((START,), None)
        self.discounts = {length: discounts(self.counts[length]) for length in self.counts}
        self.after: dict[Gram, list[int]] = defaultdict(list)
        for length in self.counts:
            for gram, count in self.counts[length].items():
                self.after[gram[:-1]].append(count)
        self.pieces = {gram[0] for gram in self.counts[1]}

    def chance(self, context: Gram, piece: str, kinds: int) -> float:
        """The chance of a piece behind a context of fewer pieces than the order."""
        length = len(context) + 1
        lower = self.chance(context[1:], piece, kinds) if context else 1 / kinds
        follows = self.after.get(context)
        if not follows:
            return lower
        steps = self.discounts[length]
        count, total = self.counts[length][(*context, piece)], sum(follows)
        own = (count - steps[min(count, 3) - 1]) / total if count else 0.0
        return own + sum(steps[min(n, 3) - 1] for n in follows) / total * lower

    def nats(self, sentence: Sequence[str], kinds: int) -> float:
        """The negative log likelihood of a sentence and its end."""
        padded = (START, *sentence, END)
        spans = [(padded[max(0, at - self.order + 1) : at], padded[at]) for at in range(1, len(padded))]
        return -sum(math.log(self.chance(context, piece, kinds)) for context, piece in spans)


def grams(sentences: Sequence[Gram], length: int) -> list[Gram]:
    return [s[at : at + length] for s in sentences for at in range(len(s) - length + 1) if length]


def discounts(counts: Counter[Gram]) -> tuple[float, ...]:
    n = [sum(1 for count in counts.values() if count == times) for times in (1, 2, 3, 4)]
    if not all(n):
        return FALLBACK
    rate = n[0] / (n[0] + 2 * n[1])
    found = tuple(k - (k + 1) * rate * n[k] / n[k - 1] for k in (1, 2, 3))
    return found if all(0 <= d <= k for k, d in enumerate(found, 1)) else FALLBACK


SENTENCES = st.lists(st.text("abc", max_size=8), min_size=1, max_size=12)


@settings(max_examples=60)
@given(SENTENCES, st.lists(st.text("abcd", max_size=8), max_size=4), st.integers(1, 5))
def test_nats_are_those_of_the_dictionaries(known: list[str], asked: list[str], order: int) -> None:
    model = fitted(pieces_of(texts(known), BYTES), order, 1, 257)
    reference = Reference([list(one) for one in known], order)
    expected = [reference.nats(list(one), 257) for one in asked]
    found = nats(pieces_of(texts(asked), BYTES), model, (0.0, 0.0))
    assert found.tolist() == pytest.approx(expected, rel=1e-5)  # the table holds single precision


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_chances_of_all_texts_add_up_to_one(order: int) -> None:
    model = fitted(pieces_of(texts(["a", "ab", "b", "", "ba", "aab"]), BYTES), order, 1, 3)  # a, b and the end
    whole = ["".join(text) for length in range(13) for text in product("ab", repeat=length)]
    chances = math.fsum(math.exp(-one) for one in nats(pieces_of(texts(whole), BYTES), model, (0.0, 0.0)))
    assert 0.99 < chances < 1 + 1e-6  # the rest are texts of more than a dozen letters


def cut(text: str, unit: int) -> list[str]:
    """The pieces of one text, by their sizes."""
    found = pieces_of(texts([text]), unit)
    data, at, parts = text.encode(), 0, []
    for size in found.sizes.tolist():
        parts += [data[at : at + size].decode()] if size else []
        at += size
    assert at == len(data)
    return parts


def test_words_take_one_space_along_and_marks_stand_alone() -> None:
    assert cut("The mill,  stood (here).", WORDS) == ["The", " mill", ",", " ", " stood", " (", "here", ")", "."]
    assert cut("水涨了 abc\n\n x", WORDS) == ["水", "涨", "了", " abc", "\n", "\n", " x"]


@given(st.text(max_size=60))
def test_pieces_are_the_whole_text(text: str) -> None:
    assert "".join(cut(text, WORDS)) == text
    assert cut(text, CHARACTERS) == list(text)


def test_unknown_words_cost_what_unknown_costs_and_their_bytes() -> None:
    model = fitted(pieces_of(texts(["a b a b a b c d"] * 1), WORDS), 2, 2, None)
    short, long = nats(pieces_of(texts(["a x", "a xyzxyz"]), WORDS), model, (1.0, 2.0))
    assert long - short == pytest.approx(5 * 2.0)


def test_a_model_does_not_depend_on_the_order_of_texts() -> None:
    known = ["one two three", "two three four", "three four five", "one two"]
    first, second = (fitted(pieces_of(texts(order), WORDS), 3, 1, None) for order in (known, known[::-1]))
    assert first.equals(second, check_metadata=True)
