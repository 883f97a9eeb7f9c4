"""`finery sql`: anything may be asked, nothing may be changed."""

from __future__ import annotations

import csv
import io

import click
import pytest
from workshop import Workshop

from finery.errors import UsageError


def test_rows_come_as_a_table_as_json_and_as_csv(workshop: Workshop) -> None:
    query = "select reason, count(*) as n from decisions where reason = 'not-json' group by all"
    assert workshop.lines("sql", query) == ["reason n", "not-json 1"]
    assert workshop.json("sql", query) == [{"reason": "not-json", "n": 1}]
    assert list(csv.reader(io.StringIO(workshop.ask("sql", query, "--csv")))) == [["reason", "n"], ["not-json", "1"]]


def test_json_columns_are_json_and_times_and_ids_are_text(workshop: Workshop) -> None:
    row = workshop.json("sql", "select pipeline, started, uuid() as id from runs limit 1")[0]
    assert row["pipeline"]["name"] == "small"
    assert isinstance(row["started"], str)
    assert len(row["id"]) == 36


def test_a_number_that_json_lacks_is_null(workshop: Workshop) -> None:
    assert workshop.json("sql", "select 'nan'::double as n, 1.5::decimal(5,2) as d") == [{"n": None, "d": 1.5}]


def test_columns_of_one_name_are_told_apart(workshop: Workshop) -> None:
    assert list(workshop.json("sql", "select 1 as a, 2 as a")[0].values()) == [1, 2]


def test_tables_are_listed_with_their_columns(workshop: Workshop) -> None:
    lines = workshop.lines("sql", "--tables")
    assert any(line.startswith("decisions artifact varchar, record uuid, reason varchar") for line in lines)


def test_a_faulty_query_is_a_usage_error_in_the_database_s_words(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="syntax error") as raised:
        workshop.ask("sql", "selec 1")
    assert raised.value.exit_code == 2


def test_the_lineage_cannot_be_written(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="read-only"):
        workshop.ask("sql", "delete from runs")


@pytest.mark.parametrize("words", [(), ("select 1", "--tables"), ("select 1", "--json", "--csv")])
def test_a_query_or_the_tables_in_one_form_must_be_asked_for(workshop: Workshop, words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        workshop.ask("sql", *words)


def test_a_thousand_rows_are_shown_to_a_person_and_all_to_a_program(workshop: Workshop) -> None:
    query = "select i from range(1200) t(i)"
    assert len(workshop.lines("sql", query)) == 1001
    assert len(workshop.json("sql", query)) == 1200
