"""The report in a real browser, where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import CHROMIUM, Browser, browser
from told import Told

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    """One browser for all tests."""
    with browser() as made:
        yield made


@pytest.mark.parametrize(("width", "theme", "runs"), [(390, "dark", 1), (1440, "light", 1), (390, "light", 2)])
def test_a_report_opens_without_error_request_or_overflow(
    tab: Browser, told: Told, width: int, theme: str, runs: int
) -> None:
    address = told.page(*(told.first, told.second)[:runs]).as_uri()
    tab.open(address, width, theme=theme)
    tab.value("dispatchEvent(new Event('beforeprint'))")
    drawn = tab.value("[...document.querySelectorAll('.chart')].map(c => !!c.querySelector('svg'))")
    assert len(drawn) >= 3 and all(drawn)
    asked = {event["request"]["url"] for event in tab.heard("Network.requestWillBeSent")}
    assert {one for one in asked if not one.startswith(("data:", "blob:"))} == {address}
    assert tab.heard("Runtime.exceptionThrown") == tab.heard("Log.entryAdded") == []
    assert tab.value("document.documentElement.scrollWidth <= innerWidth")
    assert tab.value("window.broken === undefined && !document.querySelector('main img')")
    assert tab.value("[...document.querySelectorAll('section')].every(s => s.querySelector('h2').offsetHeight > 0)")


def test_a_change_of_theme_draws_again_in_its_colours(tab: Browser, told: Told) -> None:
    tab.open(told.page(told.first).as_uri(), 1000, theme="light")
    tab.value("dispatchEvent(new Event('beforeprint'))")
    colour = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    before = tab.value(colour)
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.until("[...document.querySelectorAll('.chart')].every(c => c.dataset.drawn === 'dark')")
    assert tab.value(colour) != before


def test_the_keyboard_reaches_the_way_past_the_contents_first(tab: Browser, told: Told) -> None:
    tab.open(told.page(told.first).as_uri(), 390)
    for kind in ("keyDown", "keyUp"):
        tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert tab.value("document.activeElement.className") == "skip"
    assert tab.value("document.activeElement.getBoundingClientRect().left >= 0")
