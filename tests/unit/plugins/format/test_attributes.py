"""The format `attributes` tells what a table knows of a user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from finery import DataError, FineryError, PipelineError, Tally
from finery.testing import check, sample
from finery_plugins.format.attributes import Attributes
from finery_plugins.format.chat import MESSAGES

BatchOf = Callable[..., pa.Table]
WORDS = "{age} from {region}"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users.csv"
    file.write_text("user,age,region\n007,34,Berlin\n8, ,成都\n,1,x\n", encoding="utf-8")
    return file


def told(batch: pa.Table, table: Path, tally: Tally | None = None, **options: Any) -> pa.Table:
    plugin = Attributes(table=str(table), key="user", **options)
    return plugin.format(batch=batch, state=plugin.prepare(), tally=Tally() if tally is None else tally)


def test_attributes_stand_before_the_text(batch_of: BatchOf, users: Path) -> None:
    batch = batch_of(user=["007", "8", "9", None], text=["a", "b", "c", None])
    tally = Tally()
    after = told(batch, users, tally)
    assert after["text"].to_pylist() == ["age: 34; region: Berlin\na", "region: 成都\nb", "c", None]
    assert tally == {"unknown-users": 2}
    assert after.schema == batch.schema


def test_a_template_puts_them_in_words(batch_of: BatchOf, users: Path) -> None:
    batch = batch_of(user=["007", "8"], instruction=["a", None], output=["x", "y"])
    after = told(batch, users, template="{age} from {region}:", separator=" ", unknown="?")
    assert after["instruction"].to_pylist() == ["34 from Berlin: a", "? from 成都:"]


def turn(role: str, content: str | None) -> dict[str, str | None]:
    return {"role": role, "content": content}


def test_dialogues_take_them_into_a_turn(batch_of: BatchOf, users: Path) -> None:
    one, two = [turn("system", "s"), turn("user", "q")], [turn("user", "q")]
    batch = batch_of(user=["007"] * 4, messages=pa.array([one, two, [], None], MESSAGES))
    system = told(batch, users, template=WORDS, into="system")["messages"].to_pylist()
    assert system[0] == [turn("system", "s\n34 from Berlin"), turn("user", "q")]
    assert system[1] == [turn("system", "34 from Berlin"), turn("user", "q")]
    start = told(batch, users, template=WORDS)["messages"].to_pylist()
    assert start[0] == [turn("system", "s"), turn("user", "34 from Berlin\nq")]
    assert start[2:] == system[2:] == [[], None]


def test_instructions_take_them_into_the_column_system(batch_of: BatchOf, users: Path) -> None:
    batch = batch_of(user=["007", "x"], instruction=["a", "b"])
    assert told(batch, users, template=WORDS, into="system")["system"].to_pylist() == ["34 from Berlin", None]
    more = batch.append_column("system", pa.array(["s", "t"], pa.large_string()))
    assert told(more, users, template=WORDS, into="system")["system"].to_pylist() == ["s\n34 from Berlin", "t"]


def test_columns_on_request(batch_of: BatchOf, users: Path) -> None:
    batch = batch_of(owner=["8", "007"], text=["a", "b"])
    after = told(batch, users, on="owner", into="columns", columns=["region"])
    assert after["region"].to_pylist() == ["成都", "Berlin"]
    with pytest.raises(PipelineError, match="have a column 'text' already"):
        table = pa.table({"user": ["8"], "text": ["x"]})
        pq.write_table(table, users.with_suffix(".parquet"))
        told(batch, users.with_suffix(".parquet"), on="owner", into="columns")


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "tsv"])
def test_tables_of_other_kinds_give_the_same(batch_of: BatchOf, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"users.{kind}"
    if kind == "jsonl":
        file.write_text('{"user": 7, "age": 34}\n{"user": 8, "age": null}\n')
    elif kind == "tsv":
        file.write_text("user\tage\n7\t34\n8\t\n")
    else:
        pq.write_table(pa.table({"user": [7, 8], "age": [34, None]}), file)
    batch = batch_of(user=[7, 8], text=["a", "b"])
    assert told(batch, file, template="{age}")["text"].to_pylist() == ["34\na", "unknown\nb"]


def test_bad_tables_are_faults(tmp_path: Path, users: Path) -> None:
    with pytest.raises(FineryError, match="there is no such file"):
        Attributes(table=str(tmp_path / "none.csv"), key="user").prepare()
    with pytest.raises(FineryError, match=r"has no column 'age_' \(did you mean 'age'\?\)"):
        Attributes(table=str(users), key="user", template="{age_}").prepare()
    twice = tmp_path / "twice.csv"
    twice.write_text("user,age\n1,2\n1,3\n")
    with pytest.raises(DataError, match="several rows for '1'"):
        Attributes(table=str(twice), key="user").prepare()
    twice.write_text("user,age\n1,2,3\n")
    with pytest.raises(DataError, match="cannot be read"):
        Attributes(table=str(twice), key="user").prepare()
    with pytest.raises(ValidationError, match=r"takes \.csv"):
        Attributes(table=str(tmp_path / "users.xls"), key="user")


def test_records_without_text_have_no_place_for_words(batch_of: BatchOf, users: Path) -> None:
    with pytest.raises(PipelineError, match="no text to put words before"):
        told(batch_of(user=["8"]), users)


def test_attributes_conforms(users: Path) -> None:
    keys = pa.array(["007", "8", None, "x"] * 10, pa.large_string())
    for options in ({}, {"template": WORDS, "into": "system"}, {"into": "columns", "columns": ["age"]}):
        samples = [sample(shape).append_column("user", keys) for shape in ("text", "alpaca", "messages")]
        report = check(Attributes(table=str(users), key="user", **options), samples)
        assert report.faults == ()
        assert [one for one in report.results if one.skipped] == []
