"""The score `language` says which language a document is in."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from finery.testing import SHAPES, check
from finery_plugins.score.language import LanguageScore

BatchOf = Callable[..., pa.Table]

TEXTS = {
    "en": "The mill stood above the weir, and in spring the water reached the third step.",
    "de": "Der Müller wohnt über der Mühle, und im Frühling reicht das Wasser bis an die Treppe.",
    "zh": "春天的时候，水会涨到楼梯的第三级台阶。",
    "ru": "Мельница стояла над плотиной, и весной вода доходила до третьей ступени.",
    "ja": "灯台守は毎日、天気を日誌に書きます。",
}


def test_languages_are_told_with_confidence(batch_of: BatchOf) -> None:
    columns = LanguageScore().score(batch=batch_of(text=list(TEXTS.values())))
    assert columns["language"].to_pylist() == list(TEXTS)
    assert all(0.5 < confidence <= 1 for confidence in columns["language_confidence"].to_pylist())


def test_fasttext_answers_where_it_is_asked_for(batch_of: BatchOf) -> None:
    batch = batch_of(text=list(TEXTS.values()))
    ours, other = LanguageScore().score(batch=batch), LanguageScore(identifier="fasttext").score(batch=batch)
    assert other["language"].to_pylist() == list(TEXTS)
    assert other["language_confidence"].to_pylist() != ours["language_confidence"].to_pylist()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_conforms_to_the_contract_with_fasttext(shape: str) -> None:
    report = check(LanguageScore(identifier="fasttext"), shape)
    assert report.faults == ()
    assert [result.skipped for result in report.results if result.skipped] == []


def test_text_without_letters_is_undetermined(batch_of: BatchOf) -> None:
    columns = LanguageScore().score(batch=batch_of(text=["", None, "1 + 1 = 2"]))
    assert columns["language"].to_pylist() == ["und"] * 3
    assert columns["language_confidence"].to_pylist() == [0.0] * 3


def test_types_do_not_depend_on_the_batch(batch_of: BatchOf) -> None:
    columns = LanguageScore().score(batch=batch_of(text=["a"]).slice(0, 0))
    assert [column.type for column in columns.values()] == [pa.string(), pa.float64()]
