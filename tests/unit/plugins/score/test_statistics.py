"""The score `statistics` counts what is in a document."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import MissingExtra
from finery_plugins.score import statistics
from finery_plugins.score.statistics import Statistics

BatchOf = Callable[..., pa.Table]

COUNTS = ("characters", "words", "lines", "bytes")


def measured(batch_of: BatchOf, name: str, *texts: str | None) -> list[float | None]:
    values: list[float | None] = Statistics().score(batch=batch_of(text=list(texts)))[name].to_pylist()
    return values


@pytest.mark.parametrize(("name", "value"), [("characters", 12), ("words", 3), ("lines", 2), ("bytes", 13)])
def test_counts(batch_of: BatchOf, name: str, value: int) -> None:
    assert measured(batch_of, name, "Ein süß\nEis.") == [value + (name == "bytes")]


def test_punctuation_share_is_of_all_characters(batch_of: BatchOf) -> None:
    assert measured(batch_of, "punctuation_share", "a, b.", "abcd", "$€+。") == [0.4, 0.0, 1.0]


def test_mean_word_length_leaves_white_space_out(batch_of: BatchOf) -> None:
    assert measured(batch_of, "mean_word_length", "ab  abcd\n", "水会") == [3.0, 1.0]


def test_type_token_ratio_ignores_case_and_punctuation(batch_of: BatchOf) -> None:
    assert measured(batch_of, "type_token_ratio", "The cat, the CAT!", "a b c d") == [0.5, 1.0]


def test_duplicate_lines_are_those_that_repeat_an_earlier_one(batch_of: BatchOf) -> None:
    assert measured(batch_of, "duplicate_line_share", "a\n\n a \nb\na", "a\nb") == [0.5, 0.0]


def test_repetition_compresses(batch_of: BatchOf) -> None:
    repeated, varied = measured(batch_of, "compression_ratio", "again " * 500, "".join(map(chr, range(33, 400))))
    assert repeated is not None and varied is not None
    assert repeated > 50 > 2 > varied > 0.5


def test_ratios_of_nothing_are_null_and_counts_of_nothing_zero(batch_of: BatchOf) -> None:
    columns = Statistics().score(batch=batch_of(text=["", None]))
    assert {name: column.to_pylist() for name, column in columns.items() if name in COUNTS} == {
        name: [0, 0] for name in COUNTS
    }
    assert all(column.null_count == 2 for name, column in columns.items() if name not in COUNTS)


def test_types_do_not_depend_on_the_batch(batch_of: BatchOf) -> None:
    columns = Statistics().score(batch=batch_of(text=["a"]).slice(0, 0))
    expected = {name: pa.int64() if name in COUNTS else pa.float64() for name in columns}
    assert {name: column.type for name, column in columns.items()} == expected


def test_only_the_columns_asked_for_are_added(batch_of: BatchOf) -> None:
    columns = Statistics(columns=["compression_ratio", "words"]).score(batch=batch_of(text=["a b"]))
    assert list(columns) == ["compression_ratio", "words"]


def test_tokens_are_counted_by_the_tokenizer_named(batch_of: BatchOf, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    trained = Tokenizer(models.WordLevel({"<s>": 0, "a": 1, "?": 2}, unk_token="?"))
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trained.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    trained.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    counted = Statistics(columns=["tokens"], tokenizer=str(tmp_path))
    assert counted.score(batch=batch_of(text=["a a b", None]))["tokens"].to_pylist() == [3, 0]
    assert counted.score(batch=batch_of(text=["a"]).slice(0, 0))["tokens"].type == pa.int64()


def test_tokens_need_a_tokenizer() -> None:
    with pytest.raises(ValidationError, match="needs a tokenizer"):
        Statistics(columns=["tokens"])


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[train\]'"):
        statistics.tokenizer.__wrapped__("any")
