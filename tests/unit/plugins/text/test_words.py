"""The kinds of bytes and the words of documents agree with plain Python on any text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery_plugins.text import kinds, quality
from finery_plugins.text.traits import POINTS, UNSPACED
from finery_plugins.text.words import EMPTY, LENGTH, LETTERED

ODD = (
    " \t\n\r\x0b\x0c\x1c\x85\xa0\u2003\u2028\u3000\u200b\x00\x7fßİΣé中文字。、カกำ１한ﬁ👍\u0301\U0010ffff𝔸𠀀K"
    "…“”’«»—–·€°•"
)
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.text(ODD + "abSRETVLnt09 .,:;-'/()[]{}<>=+*&#_\"\n", max_size=60),
        st.lists(st.sampled_from(["don't", "it’s", "e.g.", "U.S.", "x.", "a-b", "10-20", "http://a.b/c?d=e.",
        "...", "(a)", "and", "The", "“the”", "the,", "中文", "3.14", "A.", "r'", "o'n't", "n't", "1,000", "a,b"]),
        max_size=12).map(" ".join),
    ),
    max_size=6,
)  # fmt: skip


def is_alone(character: str) -> bool:
    inside = any(first <= ord(character) <= last for first, last in UNSPACED)
    category = unicodedata.category(character)
    return inside and category[0] not in "PS" and category not in ("Cc", "Cf") and not character.isspace()


def words(text: str) -> list[str]:
    return "".join(f" {c} " if is_alone(c) else c for c in text).split()


def tokens(text: str) -> list[str]:
    """Words, marks at their edges split off, contractions and what marks join between letters too."""
    chunks = "".join(f" {c} " if is_alone(c) else c for c in text)
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif is_alone(text[position]):
            found.append(text[position])
            position += 1
        else:
            end = token_end(text, position)
            found.append(text[position:end])
            position = end
    assert "".join(found) == "".join(chunks.split())
    return found


def in_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and not text[at].isspace() and not is_alone(text[at])


def apart(text: str, at: int) -> bool:
    return text[at] in kinds.EDGES


def solid(text: str, at: int) -> bool:
    return in_word(text, at) and not apart(text, at) and text[at] != "."


def letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalpha()


def digit(text: str, at: int) -> bool:
    return 0 <= at < len(text) and unicodedata.category(text[at]) == "Nd"


def contracted(text: str, at: int) -> bool:
    if text[at] not in "'’":
        return False
    stop = at + 1
    while stop < len(text) and (letter(text, stop) or digit(text, stop) or is_alone(text[stop])):
        stop += 1
    tail = text[at + 1 : stop]
    return tail.isascii() and tail.lower() in ("s", "d", "m", "t", "re", "ve", "ll")


def parts(text: str, at: int, url: bool) -> bool:
    inner = solid(text, at + 1)
    joint = text[at] in kinds.JOINTS
    if not url and joint and inner:
        if letter(text, at + 1) and (letter(text, at - 1) or digit(text, at - 1)):
            return True
        if digit(text, at + 1) and digit(text, at - 1):
            return not apart(text, at)
    return apart(text, at) and not inner


def stop_parts(text: str, start: int, at: int) -> bool:
    if solid(text, at + 1):
        return False
    if text[at + 1 : at + 2] == ".":
        return True
    short = at - start == 1 or (at - start > 1 and text[at - 2] == ".")
    return not (short and letter(text, at - 1))


def token_end(text: str, start: int) -> int:
    dots = start
    while text[dots : dots + 1] == ".":
        dots += 1
    if dots - start > 1:
        return dots
    if apart(text, start) and not contracted(text, start):
        return start + 1
    if in_word(text, start - 1) and text[start] in kinds.JOINTS and parts(text, start, False):
        return start + 1
    url = False
    for at in range(start + 1, len(text)):
        if not in_word(text, at):
            return at
        url = url or text[at : at + 3] == "://"
        if (text[at] == "." and stop_parts(text, start, at)) or parts(text, at, url):
            return at
        if not apart(text, start) and not url and contracted(text, at):
            negated = text[at - 1] in "nN" and text[at + 1] in "tT"
            if not negated or at - 1 > start:
                return at - negated
    return len(text)


def trivial(word: str) -> bool:
    stops = "".join(chr(point) for first, last in kinds.STOPS for point in range(first, last + 1))
    control = [*range(9), *range(11, 32), *range(127, 160)]
    return all(c in kinds.TRIVIA or c in stops or ord(c) in control for c in word)


def ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def bare(word: str) -> str:
    kept = [i for i, c in enumerate(word) if c.isalpha() or unicodedata.category(c) == "Nd" or is_alone(c)]
    return word[kept[0] : kept[-1] + 1] if kept else ""


def described(text: str, fine: bool, stop_words: Sequence[str]) -> list[int]:
    found = tokens(text) if fine else words(text)
    counted = [word for word in found if not (fine and trivial(word))]
    heard = set(found) if fine else {ascii_lower(bare(word)) for word in found}
    wanted = set(stop_words) if fine else {ascii_lower(word) for word in stop_words}
    lettered = sum(any(c.isalpha() for c in word) for word in found)
    return [len(found), sum(map(len, counted)), lettered, len(counted), len(heard & wanted)]


def large(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@given(TEXTS, st.booleans())
def test_words_and_what_is_counted_in_them_agree_with_python(texts: list[str], fine: bool) -> None:
    stop_words = ["the", "The", "and", "中", "ß", "n't"]
    seen = quality.gopher(large(texts), fine, stop_words, "")
    rows = np.stack([seen.words, seen.letters, seen.with_letter, seen.counted, seen.stop_words], 1)
    assert rows.tolist() == [described(text, fine, stop_words) for text in texts]


@given(TEXTS, st.booleans())
def test_words_are_written_one_after_the_other(texts: list[str], fine: bool) -> None:
    seen = quality.words(large(texts), fine)
    found = [tokens(text) if fine else words(text) for text in texts]
    flat = [word for some in found for word in some]
    assert seen.ends.tolist() == np.cumsum([len(some) for some in found]).astype(int).tolist()
    assert (seen.faces >> LENGTH).tolist() == [len(word) for word in flat]
    assert (seen.faces & LETTERED != 0).tolist() == [any(c.isalpha() for c in word) for word in flat]
    assert (seen.faces & EMPTY != 0).tolist() == [trivial(word) for word in flat]
    assert len(set(seen.hashes.tolist())) == len(set(flat))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the end.", "the end ."),
        ("(one, two)", "( one , two )"),
        ("don't, it's; they'll", "do n't , it 's ; they 'll"),
        ("state-of-the-art a/b x=y", "state - of - the - art a / b x = y"),
        ("e.g. the U.S. 3.14 1,000 10:30", "e.g. the U.S. 3.14 1,000 10:30"),
        ("wait... so", "wait ... so"),
        ("see https://a.org/b-c.", "see https://a.org/b-c ."),
        ("p.p.č. č. ú end", "p.p.č. č. ú end"),
        ("ls -l --all ./x R&D foo_bar", "ls -l --all ./x R&D foo_bar"),
        ("中文 ab", "中 文 ab"),
    ],
)
def test_tokens_are_split_as_spacy_splits_plain_cases(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@pytest.mark.parametrize(("first", "second"), [("a", "-b"), ("a", "'s"), ("1", "-2"), ("x", "b'"), ("a.", ".")])
def test_a_document_is_read_the_same_behind_any_other(first: str, second: str) -> None:
    both = quality.words(large([first, second]), True).ends
    assert np.diff(both).tolist() == [len(tokens(second))]


@given(TEXTS, st.integers(0, 3), st.integers(0, 3))
def test_a_slice_is_measured_like_a_copy(texts: list[str], skipped: int, taken: int) -> None:
    part = large(texts).slice(skipped, taken)
    copied = large(part.to_pylist())
    rows = [quality.gopher(texts, True, ["the"], "-").words.tolist() for texts in (part, copied)]
    assert rows[0] == rows[1]
    assert quality.marked(part).kinds.tolist() == quality.marked(copied).kinds.tolist()


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_bytes_that_are_no_text_are_measured_within_bounds(blobs: list[bytes]) -> None:
    texts = pa.array(blobs, pa.large_binary()).view(pa.large_string())
    for fine in (False, True):
        quality.gopher(texts, fine, ["the"], "-")
        quality.repetition(texts, fine, [2], [5])
    quality.fineweb(texts, 30, ".")
    quality.marks(texts)


def test_kinds_hold_of_every_character() -> None:
    table = kinds.kinds()
    points = [chr(point) for point in range(POINTS) if not 0xD800 <= point < 0xE000]
    # Nine of ten points have no character yet, or never get one: some stand for all of them.
    characters = [c for c in points if unicodedata.category(c) not in ("Cn", "Co") or ord(c) % 50 == 0]
    found = table[[ord(c) for c in characters]]
    assert np.array_equal(found & kinds.SPACE != 0, [c.isspace() for c in characters])
    assert np.array_equal(found & kinds.ALPHA != 0, [c.isalpha() for c in characters])
    assert np.array_equal(found & kinds.DIGIT != 0, [unicodedata.category(c) == "Nd" for c in characters])
    assert np.array_equal(found & kinds.MARK != 0, [unicodedata.category(c)[0] in "PS" for c in characters])
    assert np.array_equal(found & kinds.SYMBOL != 0, [unicodedata.category(c)[0] == "S" for c in characters])
    assert np.array_equal(found & kinds.ALONE != 0, [is_alone(c) for c in characters])
    assert np.array_equal(found & kinds.BREAK != 0, [len(f"a{c}b".splitlines()) == 2 for c in characters])
    assert np.array_equal(found & kinds.TRIVIAL != 0, [trivial(c) for c in characters])


def test_chosen_characters_are_marked_in_a_table_of_their_own() -> None:
    assert kinds.kinds("•")[ord("•")] & kinds.CHOSEN
    assert not (kinds.kinds() & kinds.CHOSEN).any()
