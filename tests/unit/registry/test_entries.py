"""The community's first entries say what the examples in this checkout say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from finery_registry.index import read_index

ROOT = Path(__file__).parents[3]
OURS = [listing for listing in read_index("community").entries if listing.data["repository"].startswith("examples/")]


@pytest.mark.parametrize("listing", OURS, ids=lambda one: one.name)
def test_an_example_s_entry_agrees_with_its_project(listing) -> None:
    project = tomllib.loads((ROOT / listing.data["repository"] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    (release,) = listing.releases
    assert (listing.name, release.version) == (project["name"], project["version"])
    assert listing.data["licence"] == project["license"]
    assert release.python == project["requires-python"]
    assert list(release.requires) == project["dependencies"]
    points = project["entry-points"]
    assert set(listing.provides) == {
        (group.removeprefix("finery."), name) for group, names in points.items() for name in names
    }


def test_all_three_examples_are_listed() -> None:
    assert [listing.name for listing in OURS] == ["acme-letters", "finery-data-juicer", "finery-datatrove"]
