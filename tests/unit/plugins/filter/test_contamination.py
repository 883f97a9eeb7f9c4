"""The filter `contamination` drops documents that hold items of evaluation sets, and names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery import DataError, Reasons, UsageError
from finery_plugins.filter.contamination import Contamination

BatchOf = Callable[..., pa.Table]

QUESTION = "A keeper lights nine lamps each night and puts out four of them at dawn so how many burn at noon"
OTHER = "Which of these three rivers is the longest one that flows to the north and never meets the sea"


@pytest.fixture
def known(tmp_path: Path) -> Path:
    path = tmp_path / "lamps.jsonl"
    rows = [
        {"question": QUESTION, "answer": "five"},
        {"question": OTHER, "answer": "none of them"},
        {"question": "Why?"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def judged(batch: pa.Table, **options: Any) -> Reasons:
    plugin = Contamination(**options)
    return plugin.filter(batch=batch, state=plugin.prepare())


def test_one_shared_run_drops_a_document_and_names_set_and_item(batch_of: BatchOf, known: Path) -> None:
    texts = [f"Look:\n{QUESTION.upper()}?", "Which of these? Why?", None, " ".join(OTHER.split()[:13]), "", "five"]
    reasons = judged(batch_of(text=texts), sets={"lamps": str(known)}, columns=["question"])
    assert reasons.code.to_pylist() == ["contaminated", None, None, "contaminated", None, None]
    assert reasons.value.to_pylist() == [1.0, None, None, pytest.approx(1 / 7), None, None]
    assert reasons.detail.to_pylist() == ["lamps:1 1.00", None, None, "lamps:2 0.14", None, None]


def test_a_share_can_be_asked_for(batch_of: BatchOf, known: Path) -> None:
    half = " ".join(QUESTION.split()[:14])
    batch = batch_of(text=[QUESTION, half])
    palm = {"ngram": 8, "min_share": 0.7, "columns": ["question"]}
    assert judged(batch, sets={"lamps": str(known)}, **palm).code.to_pylist() == ["contaminated", None]
    assert (
        judged(batch, sets={"lamps": str(known)}, **{**palm, "min_share": 0.5}).code.to_pylist() == ["contaminated"] * 2
    )


def test_several_items_are_named_the_largest_share_first(batch_of: BatchOf, known: Path) -> None:
    text = f"{' '.join(QUESTION.split()[:13])}. {OTHER}"
    reasons = judged(batch_of(text=[text]), sets={"lamps": str(known)}, columns=["question"])
    assert reasons.detail.to_pylist() == ["lamps:2 1.00, lamps:1 0.11"]


def test_a_set_of_several_files_names_the_file(batch_of: BatchOf, tmp_path: Path) -> None:
    for name, text in (("a.txt", QUESTION), ("b.txt", OTHER)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    reasons = judged(batch_of(text=[OTHER]), sets={"both": str(tmp_path / "*.txt")})
    assert reasons.detail.to_pylist() == ["both/b.txt:1 1.00"]


def test_characters_of_a_script_without_spaces_are_words(batch_of: BatchOf, tmp_path: Path) -> None:
    (tmp_path / "zh.txt").write_text("灯塔看守人每晚点亮九盏灯，天亮时熄灭四盏。", encoding="utf-8")
    texts = ["他说：灯塔看守人每晚点亮九盏灯 天亮时熄灭四盏", "灯塔看守人每晚"]
    reasons = judged(batch_of(text=texts), sets={"zh": str(tmp_path / "zh.txt")})
    assert reasons.code.to_pylist() == ["contaminated", None]


def test_short_items_count_whole_and_shorter_ones_not_at_all(batch_of: BatchOf, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("one two three four five six seven eight nine\nten eleven", encoding="utf-8")
    texts = [
        "so one two three four five six seven eight nine ten",
        "one two three four five six seven eight",
        "ten eleven",
    ]
    reasons = judged(batch_of(text=texts), sets={"s": str(tmp_path / "s.txt")})
    assert reasons.code.to_pylist() == ["contaminated", None, None]


def test_a_set_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        Contamination(sets={"none": str(tmp_path / "none.jsonl")}).prepare()
    (tmp_path / "bad.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        Contamination(sets={"bad": str(tmp_path / "bad.jsonl")}).prepare()


def test_no_records_have_no_reasons(batch_of: BatchOf, known: Path) -> None:
    assert len(judged(batch_of(text=["a"]).slice(0, 0), sets={"lamps": str(known)}).code) == 0


@pytest.mark.parametrize("options", [{}, {"sets": {}}, {"sets": {"a": "a.txt"}, "ngram": 5}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Contamination(**options)
