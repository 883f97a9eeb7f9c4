"""The dedupe `url`: addresses of one page share a key, others do not."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import PipelineError
from finery.testing import check
from finery.testing.samples import sample
from finery_plugins.dedupe.url import Url, canonical

SAME = [
    ("http://Example.com/a", "https://www.example.com/a/"),
    ("http://example.com:80/a", "example.com/a"),
    ("https://example.com:443/", "https://example.com"),
    ("http://example.com/a/./b/../c", "http://example.com/a/c"),
    ("http://example.com/a?b=1&a=2", "http://example.com/a?a=2&b=1"),
    ("http://example.com/a?utm_source=x&fbclid=1", "http://example.com/a"),
    ("http://example.com/%7Euser", "http://example.com/~user"),
    ("http://example.com/a#part", "http://example.com/a"),
    ("http://example.com/%e4%bd%a0", "http://example.com/你"),
]
OTHER = [
    ("http://example.com/a", "http://example.com/b"),
    ("http://example.com/a", "http://example.com/A"),
    ("http://example.com/a?id=1", "http://example.com/a?id=2"),
    ("http://example.com:8080/a", "http://example.com/a"),
    ("http://a.example.com", "http://b.example.com"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_addresses_of_one_page_are_one(left: str, right: str) -> None:
    assert canonical(left, True) == canonical(right, True)


@pytest.mark.parametrize(("left", "right"), OTHER)
def test_addresses_of_different_pages_are_not(left: str, right: str) -> None:
    assert canonical(left, True) != canonical(right, True)


def test_parameters_can_be_left_out() -> None:
    assert canonical("http://e.com/a?id=1", False) == canonical("http://e.com/a?id=2", False)


@given(st.text())
def test_any_text_has_an_answer_and_canonical_forms_stay(text: str) -> None:
    once = canonical(text, True)
    assert once is None or isinstance(once, str)


@pytest.mark.parametrize("url", ["http://[::1", "http://e.com:port/", "http://e.com:99999/"])
def test_what_is_no_url_stands_for_itself(url: str) -> None:
    assert canonical(url, True) == url


def with_urls(*urls: str | None) -> pa.Table:
    """Records with these URLs."""
    return sample("text").slice(0, len(urls)).append_column("url", pa.array(urls, pa.large_string()))


def test_a_record_without_a_url_has_no_key() -> None:
    assert Url().dedupe(with_urls("http://e.com", None, " ")).to_pylist() == ["e.com", None, None]


def test_a_missing_column_is_a_fault_that_names_what_there_is() -> None:
    with pytest.raises(PipelineError, match=r"did you mean 'url'"):
        Url(column="ulr").dedupe(with_urls("http://e.com"))


def test_it_keeps_the_contract() -> None:
    assert [str(fault) for fault in check(Url(), [with_urls("http://e.com/a", None, "e.com/a/", "x")]).faults] == []
