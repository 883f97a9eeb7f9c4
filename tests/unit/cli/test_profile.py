"""`finery profile`: what sources its words mean, its figures, and the page."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from finery.catalog import Entry
from finery.cli.profile import profile
from finery.cli.profile_page import bars
from finery.errors import UsageError
from finery.profile.figures import Rule, histogram, spread
from finery.profile.first import moved
from finery.profile.sources import named
from finery.profile.stages import pipeline_text, there


@pytest.mark.parametrize(
    ("word", "name", "place"),
    [
        ("data/general.jsonl", "general", "path"),
        ("data/crawl/*.warc.gz", "crawl", "path"),
        ("s3://bucket/part-*.parquet", "bucket", "path"),
        ("org/name", "name", "dataset"),
        ("select 1 as text", "query", "query"),
        ("*.jsonl", "data", "path"),
    ],
)
def test_a_word_is_a_source_with_a_name(word: str, name: str, place: str) -> None:
    assert named([word], {}).tables == ({"name": name, place: word},)


def test_a_folder_is_a_data_set(tmp_path: Path) -> None:
    assert named([str(tmp_path)], {}).tables[0]["dataset"] == str(tmp_path)


def test_sources_of_one_name_are_told_apart() -> None:
    tables = named(["a/x.jsonl", "b/x.jsonl"], {"shape": "text"}).tables
    assert [(table["name"], table["shape"]) for table in tables] == [("x", "text"), ("x-2", "text")]


def test_a_pipeline_file_stands_for_its_sources(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[[source]]\nname = "a"\npath = "x.jsonl"\nmax_bad = 0.5\n')
    found = named([str(tmp_path / "p.toml")], {})
    assert found.tables == ({"name": "a", "path": "x.jsonl", "max_bad": 0.5},)
    assert found.folder == tmp_path
    with pytest.raises(UsageError, match="among other sources"):
        named([str(tmp_path / "p.toml"), "x.jsonl"], {})


NUMBERS = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


@given(NUMBERS)
def test_a_histogram_counts_each_number_once_where_it_belongs(numbers: list[int]) -> None:
    found = histogram(np.sort(np.array(numbers, np.int64)))
    expected: dict[int, int] = {}
    for number in numbers:
        bound = 1 << (number.bit_length() - 1) if number else 0
        expected[bound] = expected.get(bound, 0) + 1
    assert {bound: count for bound, count in found if count} == expected
    assert found[0][1] and found[-1][1]


@given(NUMBERS)
def test_percentiles_are_numbers_that_are_there(numbers: list[int]) -> None:
    found = spread(np.array(numbers, np.int64))
    assert found is not None
    assert (found.total, found.least, found.most) == (sum(numbers), min(numbers), max(numbers))
    for name, value in found.percentiles.items():
        assert value in numbers
        assert sum(number <= value for number in numbers) >= int(name[1:]) / 100 * len(numbers)
        assert sum(number < value for number in numbers) <= int(name[1:]) / 100 * len(numbers)


def test_nothing_has_no_spread() -> None:
    assert spread(np.zeros(0, np.int64)) is None


@given(NUMBERS)
def test_a_bar_is_there_for_whatever_there_is(numbers: list[int]) -> None:
    shown = list(bars(histogram(np.sort(np.array(numbers, np.int64)))))
    assert all(("█" in line) == (not line.endswith(" 0")) for line in shown)


def test_the_reasons_of_a_rule_set_add_up() -> None:
    rule = Rule()
    rule.add({"a": 1, "b": 2}, 10, 7)
    rule.add({"a": 5}, 10, 5)
    assert (rule.records, rule.dropped, rule.share, list(rule.reasons.items())) == (20, 8, 0.4, [("a", 6), ("b", 2)])


def test_a_plugin_that_cannot_be_had_is_noted_with_the_remedy() -> None:
    lost: dict[str, list[str]] = {}
    broken = Entry("gopher", "filter", "no_such_module_here:Gopher", "acme", "1")
    assert not there(("filter", "gopher", {}), [broken], lost)
    assert not there(("filter", "c4", {}), [], lost)
    assert sorted(name for names in lost.values() for name in names) == ["c4", "gopher"]


def test_a_profile_reads_whatever_is_broken() -> None:
    text = pipeline_text([{"name": "a", "path": 'odd "name".jsonl', "max_bad": 0.0}], 7, [])
    found = tomllib.loads(text)
    assert found["source"] == [{"name": "a", "path": 'odd "name".jsonl', "max_bad": 1.0}]
    assert found["stage"][0]["records"] == 7


def test_paths_move_with_the_file_they_are_written_into(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "pipeline.toml"
    assert moved({"path": "a/*.jsonl"}, tmp_path, file) == {"path": "../a/*.jsonl"}
    assert moved({"path": ["s3://b/c", "/abs"]}, tmp_path, file) == {"path": ["s3://b/c", "/abs"]}
    assert moved({"dataset": "org/name"}, tmp_path, file) == {"dataset": "org/name"}


def test_a_file_to_write_that_is_there_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("kept")
    done = CliRunner().invoke(profile, ["nothing.jsonl", "--write", str(tmp_path / "p.toml")])
    assert isinstance(done.exception, UsageError)
    assert "is there already" in str(done.exception)
    assert (tmp_path / "p.toml").read_text() == "kept"


@pytest.mark.parametrize("word", ["text", "=a", "a="])
def test_a_column_without_two_names_is_a_usage_error(word: str) -> None:
    done = CliRunner().invoke(profile, ["nothing.jsonl", "--column", word])
    assert "write --column text=body" in str(done.exception)
