"""Web archives through a whole run: documents, what is left out, what is broken, and the law over all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from places import Place, call

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "data"))

from crawls import answer, conversion, crawl, record, response, zipped

STAGE = '[[stage]]\nfilter = "length"\nmin_words = 1\n'


def pipeline(place: Place, name: str, more: str = "") -> None:
    """A pipeline over one file."""
    place.pipeline(f'[[source]]\nname = "web"\npath = "{name}"\n{more}\n{STAGE}')


def test_a_crawl_is_read_with_what_is_known_of_its_pages(place: Place) -> None:
    place.write("crawl.warc.gz", zipped(crawl(40)))
    pipeline(place, "crawl.warc.gz")
    manifest = place.good()["read-web"]
    assert manifest["sources"]["web"]["kept"] == 40
    assert manifest["tally"] == {"record warcinfo": 1, "record request": 40}
    assert set(place.table("read-web", "web")["language"].to_pylist()) == {"en-GB"}


def test_what_holds_no_document_is_dropped_and_does_not_fail_a_run(place: Place) -> None:
    moved = record("response", "http://example.org/old", answer(b"", status="302 Found", more="Location: /new\r\n"))
    place.write("crawl.warc.gz", zipped([*crawl(3), moved, moved.replace(b"old", b"OLD")]))
    pipeline(place, "crawl.warc.gz", "max_bad = 0")
    counts = place.good()["read-web"]["sources"]["web"]
    assert (counts["in"], counts["kept"], counts["dropped"], counts["failed"]) == (5, 3, 2, 0)
    [first, _] = place.decisions("read-web")
    assert first["reason"] == "redirect"
    assert first["detail"].startswith("crawl.warc.gz:")


def test_a_broken_record_is_a_failure_with_its_place(place: Place) -> None:
    made = crawl(150)
    place.write("crawl.warc.gz", zipped([*made, response(1000, length=50), response(1001)]))
    pipeline(place, "crawl.warc.gz")
    counts = place.good()["read-web"]["sources"]["web"]
    assert (counts["kept"], counts["failed"]) == (151, 1)
    [decision] = place.decisions("read-web")
    assert decision["detail"] == f"crawl.warc.gz:{len(zipped(made))}: does not end where it says"


def test_too_many_broken_records_end_the_run(place: Place) -> None:
    made = [response(number, length=50 if number % 2 else None) for number in range(20)]
    place.write("crawl.warc", b"".join(made))
    pipeline(place, "crawl.warc")
    outcome = place.run()
    assert outcome.code == 1
    assert "10 of 20 records failed, more than max_bad = 0.01 allows: first: crawl.warc:" in outcome.err


def test_an_archive_that_breaks_off_ends_the_run(place: Place) -> None:
    place.write("crawl.warc.gz", zipped(crawl(20))[:-100])
    pipeline(place, "crawl.warc.gz")
    outcome = place.run()
    assert outcome.code == 1
    assert "of its 1 files, at least 1 break off or are damaged: first: crawl.warc.gz:" in outcome.err


def test_a_crawl_without_documents_says_what_was_in_it(place: Place) -> None:
    place.write("crawl.warc", record("response", "http://example.org/a.png", answer(b"\x89PNG", "image/png")))
    pipeline(place, "crawl.warc", 'shape = "text"')
    outcome = place.run()
    assert outcome.code == 1
    assert "not-text" in outcome.err


def test_the_story_of_a_page_begins_where_its_record_stands(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [conversion(number) for number in range(5)]
    place.write("crawl.wet.gz", zipped(made))
    pipeline(place, "crawl.wet.gz")
    place.good()
    monkeypatch.chdir(place.folder)
    told = call("why", f"crawl.wet.gz:{len(zipped(made[:2]))}")
    assert told.code == 0, told
    assert "Größe" not in told.err
    assert f"crawl.wet.gz:{len(zipped(made[:2]))}" in told.out
