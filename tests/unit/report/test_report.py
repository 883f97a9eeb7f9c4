"""`finery report`: what stands in it, and that the numbers are those of the lineage."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from told import Told
from trades import HOSTILE

from finery.errors import UsageError, WorkError
from finery.lineage.store import reading
from finery.report.markup import data, element, label

SECTIONS = "overview flow spreads dropped mixes training hardest evaluation forecast lineage"


class Outline(HTMLParser):
    """The elements of a page, and which ids they have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.named: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if found.get("id") else []
        self.named += (found.get("aria-labelledby") or "").split() + (found.get("aria-describedby") or "").split()


@pytest.fixture(scope="module")
def page(told: Told) -> str:
    """The report of the first run."""
    return told.page(told.first).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def numbers(told: Told) -> dict:
    """The numbers of the first run's report."""
    return json.loads(told.ask("report", told.first, "--json"))


def test_every_section_is_there_with_landmarks_and_unique_ids(page: str) -> None:
    found = Outline(page)
    assert [name for name in SECTIONS.split() if name not in found.ids] == []
    assert len(found.ids) == len(set(found.ids))
    assert {"header", "nav", "main", "footer", "h1"} <= set(found.tags)
    assert set(found.named) <= set(found.ids)


def test_every_picture_has_a_title_a_description_and_its_numbers_as_a_table(page: str) -> None:
    found = Outline(page)
    pictures = [name for name in found.ids if name.startswith("chart-") and name.count("-") == 1]
    assert len(pictures) >= 8
    assert {f"{name}-{part}" for name in pictures for part in ("title", "told")} <= set(found.ids)
    assert found.tags.count("figure") == len(pictures) <= found.tags.count("table")


def test_a_records_text_cannot_become_markup(page: str) -> None:
    tags = Outline(page).tags
    assert "img" not in tags and "b" not in tags and "i" not in tags
    assert tags.count("script") == 3
    assert "&lt;img src=x onerror=" in page and "\x00" not in page


def test_a_page_is_under_ten_megabytes_and_names_no_address_to_load_from(page: str) -> None:
    own = page[: page.index("<script>")]
    assert len(page.encode()) < 10e6
    assert "src=" not in own.replace("&lt;img src=x", "") and "http" not in own.replace("http-equiv", "")
    assert "default-src &#x27;none&#x27;" in own and "unsafe-eval" not in own


def test_the_flow_has_the_counts_of_the_lineage(told: Told, numbers: dict) -> None:
    flow = {(row["stage"], row["source"]): row for row in numbers["flow"]["Records from their sources to the end"]}
    with reading(told.root) as connection:
        query = """select s.stage, t.source, t.name, t.count from stages s join tallies t using (artifact)
            where s.run = ? and t.kind = 'fate' and s.hook not in ('train', 'evaluate')"""
        counted = connection.execute(query, [told.first]).fetchall()
    assert counted and all(flow[stage, source][name] == count for stage, source, name, count in counted)


def test_a_histogram_counts_every_record_before_and_after(numbers: dict) -> None:
    worth = {(row["source"], row["when"]): row["records"] for row in numbers["spreads"]["Worth"]}
    flow = numbers["flow"]["Records from their sources to the end"]
    left = {row["source"]: row["kept"] + row["born"] for row in flow if row["stage"] == "drawn"}
    assert (worth["a", "before"], worth["b", "before"]) == (32, 27)
    assert {source: worth[source, "after"] for source in left} == left
    assert len(numbers["dropped"]["least: <b>cheap</b>"]) > 1


def test_a_threshold_is_drawn_where_records_were_measured_against_it(told: Told) -> None:
    from finery.cli.report import of_runs

    report = of_runs(told.root, told.first, None)[0]
    charts = [part for section in report.sections if section.id == "spreads" for part in section.parts]
    lines = {chart.title: [shape["x0"] for shape in chart.layout["shapes"]] for chart in charts}
    assert lines == {"Characters": [], "Worth": [30.0]}


def test_a_forecast_stands_beside_what_happened(numbers: dict) -> None:
    found = {row["stage"]: row for row in numbers["forecast"]["Records"]}
    assert (found["least"]["forecast, records"], found["least"]["happened, records"]) == (59, 59)
    assert (found["toy"]["happened, records"], found["toy"]["error"]) == (52, "+13 %")


def test_causes_of_wrong_answers_are_counted_and_shown_with_what_is_near(page: str, numbers: dict) -> None:
    table = numbers["evaluation"]["reasons: why answers are wrong"]
    assert table == [{"cause": "hallucination", "answers": 4}, {"cause": "refusal", "answers": 1}]
    assert "reasons: hallucination, 3 of 4" in page and "reasons: refusal, 1" in page
    assert "refusal: said so 4 times" in page and "said so 3 times" not in page
    assert "ab12 (a): a goat" in page


def test_a_comparison_and_its_broken_item_are_told(page: str, numbers: dict) -> None:
    assert numbers["evaluation"]["first: before and after"][0]["right, wrong"] == 1
    assert "first: right before and wrong now, 1" in page and "a goat" in page


def test_what_was_dropped_is_sampled_with_its_measure(page: str) -> None:
    assert "least: &lt;b&gt;cheap&lt;/b&gt;" in page and " against 30" in page


def test_two_runs_show_what_differs(told: Told) -> None:
    found = json.loads(told.ask("report", told.first, told.second, "--json"))
    assert [row["option"] for row in found["settings"]["Options"]] == ["least.min_worth", "toy.start"]
    moved = found["fates"]["From fate to fate"]
    assert any("cheap" in row["in B"] and row["in A"] == "kept" for row in moved)
    assert "toy: loss" in found["training"]
    assert told.page(told.first, told.second).stat().st_size < 10e6


def test_a_run_that_is_none_and_a_place_that_cannot_be_written_are_errors(told: Told) -> None:
    with pytest.raises(UsageError, match="no such run"):
        told.ask("report", "nowhere")
    with pytest.raises(WorkError, match="name another file"):
        told.ask("report", "--to", "/proc/nothing/report.html")


def test_markup_escapes_text_and_attributes() -> None:
    assert element("p", HOSTILE[:9], title='"<') == '<p title="&quot;&lt;">&lt;/script&gt;</p>'
    assert "<" not in data({"a": HOSTILE}) and json.loads(data({"a": "<&>"})) == {"a": "<&>"}
    assert label("<a href='javascript:x'>") == "&lt;a href='javascript:x'&gt;"
    assert element("p", "\ud800").encode()
