"""The filter `language` keeps the languages asked for."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import PipelineError
from finery_plugins.filter.language import Language

BatchOf = Callable[..., pa.Table]

ENGLISH = "The mill stood above the weir, and in spring the water reached the third step of the stair."
GERMAN = "Der Müller wohnt über der Mühle, und im Frühling reicht das Wasser bis an die Treppe."


def test_other_languages_go_and_are_named(batch_of: BatchOf) -> None:
    reasons = Language(keep=["en"]).filter(batch=batch_of(text=[ENGLISH, GERMAN]))
    assert reasons.code.to_pylist() == [None, "language"]
    assert reasons.detail.to_pylist() == [None, "de"]
    assert reasons.value.to_pylist()[1] > 0.9


def test_several_languages_may_stay(batch_of: BatchOf) -> None:
    assert Language(keep=["de", "en"]).filter(batch=batch_of(text=[ENGLISH, GERMAN])).code.null_count == 2


def test_what_is_not_certain_goes_with_its_confidence(batch_of: BatchOf) -> None:
    reasons = Language(keep=["en"], min_confidence=0.999999).filter(batch=batch_of(text=["the cat sat on the mat"]))
    assert reasons.code.to_pylist() == ["low-confidence"]
    assert 0 < reasons.value.to_pylist()[0] < 0.999999
    assert reasons.bound.to_pylist() == [0.999999]


def test_text_without_letters_has_no_language(batch_of: BatchOf) -> None:
    batch = batch_of(text=["", None, "123 !?"])
    assert Language(keep=["en"]).filter(batch=batch).detail.to_pylist() == ["und"] * 3
    assert Language(keep=["und"]).filter(batch=batch).code.null_count == 3


def test_columns_of_the_score_are_used_where_they_are_there(batch_of: BatchOf) -> None:
    batch = batch_of(text=[GERMAN, GERMAN, GERMAN], language=["en", "en", None])
    batch = batch.append_column("language_confidence", pa.array([0.9, 0.1, None]))
    reasons = Language(keep=["en"]).filter(batch=batch)
    assert reasons.code.to_pylist() == [None, "low-confidence", "language"]


def test_a_language_column_of_the_data_is_not_mistaken_for_a_score(batch_of: BatchOf) -> None:
    batch = batch_of(text=[GERMAN], language=["en"])
    assert Language(keep=["en"]).filter(batch=batch).detail.to_pylist() == ["de"]


def test_only_the_beginning_is_read(batch_of: BatchOf) -> None:
    batch = batch_of(text=[ENGLISH + GERMAN * 20])
    assert Language(keep=["en"], max_characters=len(ENGLISH)).filter(batch=batch).code.to_pylist() == [None]


def test_a_language_that_the_model_does_not_know_is_a_fault(batch_of: BatchOf) -> None:
    with pytest.raises(PipelineError, match="does not know the language 'qq'"):
        Language(keep=["qq"]).filter(batch=batch_of(text=[ENGLISH]))


def test_each_model_knows_languages_of_its_own(batch_of: BatchOf) -> None:
    assert (
        Language(keep=["als", "de"], identifier="fasttext").filter(batch=batch_of(text=[GERMAN])).code.null_count == 1
    )
    with pytest.raises(PipelineError, match="does not know the language 'als'"):
        Language(keep=["als"]).filter(batch=batch_of(text=[GERMAN]))


@pytest.mark.parametrize("keep", [["english"], ["EN"], []])
def test_what_is_no_language_code_is_refused(keep: list[str]) -> None:
    with pytest.raises(ValidationError):
        Language(keep=keep)


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    assert len(Language().filter(batch=batch_of(text=["a"]).slice(0, 0)).code) == 0
